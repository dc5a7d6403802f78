"""Progress of a run's stages on standard error: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from emstream.jobs.record import Plan
from emstream.stages import SHOWN, Stage
from emstream_standalone.bars import PLAIN_EVERY_S, Bars
from emstream_standalone.listener import SILENT, Listener

LONGEST_NAME = max(map(len, SHOWN))


class StageProgress(Bars):
    """Shows units done and units in all of the three stages. A context manager; call it with the ledger's counts."""

    def __init__(self, is_quiet: bool = False) -> None:
        name = TextColumn(f"{{task.description:{LONGEST_NAME}}}")
        super().__init__(is_quiet, name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._tasks = {stage: self.progress.add_task(stage, total=None) for stage in SHOWN}
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
        line = counts_line(counts)
        if line != self._last_line:
            tell(line)
        self._last_line, self._next_line_at = line, time.monotonic() + PLAIN_EVERY_S


def counts_line(counts: dict[Stage, tuple[int, int]]) -> str:
    """Return the counts of all stages in one line.

    >>> counts_line({Stage.PREPROCESS: (2, 2), Stage.INFERENCE: (3, 8), Stage.POSTPROCESS: (0, 2)})
    'preprocess 2/2  inference 3/8  postprocess 0/2'
    """
    return "  ".join(f"{stage} {counts[stage][0]}/{counts[stage][1]}" for stage in SHOWN)


def shown(is_quiet: bool = False) -> Listener:
    """Return a listener that shows plan and progress on standard error, or nothing."""
    return SILENT if is_quiet else Listener(_tell_plan, StageProgress)


def tell(line: str) -> None:
    """Write a line to standard error at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _tell_plan(plan: Plan) -> None:
    for line in (plan.source, *(f"note: {warning}" for warning in plan.warnings)):
        tell(line)
