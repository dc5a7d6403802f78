"""Progress of a run: the callbacks by which it reports, and bars on a terminal or plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from emstream.jobs.record import Plan
from emstream.stages import SHOWN, Stage

LONGEST_NAME = max(map(len, SHOWN))
PLAIN_EVERY_S = 5.0
"""Seconds between two plain lines, where standard error is no terminal."""


class Bars:
    """A context manager that shows its bars while it lasts. has_bars: standard error is a terminal to show them on."""

    def __init__(self, is_quiet: bool, *columns: ProgressColumn) -> None:
        self.is_quiet = is_quiet
        self.has_bars = sys.stderr.isatty() and not is_quiet
        self.progress = Progress(*columns, transient=True)
        self.progress.console.file = sys.stderr

    def __enter__(self) -> Self:
        if self.has_bars:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.has_bars:
            self.progress.stop()


ShowCounts = Callable[[dict[Stage, tuple[int, int]]], None]
"""Takes units done and units in all, per stage."""


@contextmanager
def no_progress() -> Iterator[ShowCounts]:
    """Show no progress."""
    yield lambda counts: None


@dataclass(frozen=True, slots=True)
class Listener:
    """Callbacks of a run. on_plan: called once the job is planned. progress: makes the context that shows counts."""

    on_plan: Callable[[Plan], None] = lambda plan: None
    progress: Callable[[], AbstractContextManager[ShowCounts]] = no_progress


SILENT = Listener()


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
