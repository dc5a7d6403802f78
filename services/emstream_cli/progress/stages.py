"""Progress of a run: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from emstream.stages import Stage
from emstream_cli.progress.bars import PLAIN_EVERY_S, Bars

SHOWN = {Stage.PREPROCESS: "read", Stage.INFERENCE: "predict", Stage.POSTPROCESS: "stitch"}


class StageProgress(Bars):
    """Shows done/total of the three stages on standard error. A context manager; call it with the ledger's counts."""

    def __init__(self, is_quiet: bool = False) -> None:
        name = TextColumn("{task.description:8}")
        super().__init__(is_quiet, name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._tasks = {stage: self.progress.add_task(name, total=None) for stage, name in SHOWN.items()}
        self._last_line = ""
        self._next_line_at = 0.0

    def __call__(self, counts: dict[Stage, tuple[int, int]]) -> None:
        """Show the counts."""
        if self.is_quiet:
            return
        if self.has_bars:
            for stage, task in self._tasks.items():
                done, total = counts[stage]
                self.progress.update(task, completed=done, total=total)
            return
        is_over = all(counts[stage][0] == counts[stage][1] for stage in SHOWN)
        if time.monotonic() < self._next_line_at and not is_over:
            return
        line = "  ".join(f"{name} {counts[stage][0]}/{counts[stage][1]}" for stage, name in SHOWN.items())
        if line != self._last_line:
            print(line, file=sys.stderr, flush=True)
        self._last_line, self._next_line_at = line, time.monotonic() + PLAIN_EVERY_S
