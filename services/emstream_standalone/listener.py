"""Callbacks by which a run shows itself: the command line draws bars, a notebook shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from emstream.jobs.record import Plan
from emstream.stages import Stage

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
