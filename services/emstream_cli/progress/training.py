"""Progress of a training: a bar on a terminal, plain lines elsewhere; each validation is a line that stays."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from emstream_standalone.bars import Bars

if TYPE_CHECKING:
    from emstream_training.fit.train import Progress

PLAIN_EVERY_S = 60.0
"""Seconds between two plain lines, where there is no terminal and nothing was validated: trainings take hours."""


class TrainingProgress(Bars):
    """Shows steps, loss and F1 on standard error. A context manager; call it after each step."""

    def __init__(self, is_quiet: bool = False) -> None:
        name, note = TextColumn("{task.description:8}"), TextColumn("{task.fields[note]}")
        super().__init__(is_quiet, name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
        self._task = self.progress.add_task("train", total=None, note="")
        self._next_line_at = time.monotonic() + PLAIN_EVERY_S

    def __call__(self, progress: Progress) -> None:
        """Show how far it is."""
        if self.is_quiet:
            return
        if self.has_bars:
            best = "" if progress.best_f1 < 0 else f"  best F1 {progress.best_f1:.3f}"
            note = f"loss {progress.loss:.3f}{best}"
            self.progress.update(self._task, completed=progress.step, total=progress.steps or None, note=note)
        if progress.row is None and (self.has_bars or time.monotonic() < self._next_line_at):
            return
        self._next_line_at = time.monotonic() + PLAIN_EVERY_S
        if self.has_bars:
            self.progress.console.print(_line(progress), highlight=False)
        else:
            print(_line(progress), file=sys.stderr, flush=True)


def _line(progress: Progress) -> str:
    of = f"/{progress.steps}" if progress.steps else ""
    line = f"step {progress.step}{of}  loss {progress.loss:.3f}"
    if progress.row is None:
        return line
    row, star = progress.row, "  (best)" if progress.is_best else ""
    return f"{line}  F1 {row.f1:.3f}  precision {row.precision:.3f}  recall {row.recall:.3f}{star}"
