"""Progress of trainings and transfers: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from emstream_standalone.progress import PLAIN_EVERY_S, Bars

if TYPE_CHECKING:
    from emstream_training.fit.train import Progress

MEGABYTE = 1e6
TRAINING_EVERY_S = 60.0
"""Seconds between two plain lines, where there is no terminal and nothing was validated: trainings take hours."""


class TrainingProgress(Bars):
    """Shows steps, loss and F1 on standard error. A context manager; call it after each step."""

    def __init__(self, is_quiet: bool = False) -> None:
        name, note = TextColumn("{task.description:8}"), TextColumn("{task.fields[note]}")
        super().__init__(is_quiet, name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
        self._task = self.progress.add_task("train", total=None, note="")
        self._next_line_at = time.monotonic() + TRAINING_EVERY_S

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
        self._next_line_at = time.monotonic() + TRAINING_EVERY_S
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


class TransferProgress(Bars):
    """Shows bytes done and in all on standard error. A context manager; call it with both."""

    def __init__(self, verb: str, is_quiet: bool = False) -> None:
        name = TextColumn("{task.description:8}")
        super().__init__(is_quiet, name, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._verb = verb
        self._task = self.progress.add_task(verb, total=None)
        self._next_line_at = time.monotonic() + PLAIN_EVERY_S  # what is quick needs no line

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        if self.is_quiet:
            return
        if self.has_bars:
            self.progress.update(self._task, completed=done, total=total)
        elif time.monotonic() >= self._next_line_at:
            of = "" if total is None else f" of {total / MEGABYTE:.0f}"
            print(f"{self._verb} {done / MEGABYTE:.0f}{of} MB", file=sys.stderr, flush=True)
            self._next_line_at = time.monotonic() + PLAIN_EVERY_S
