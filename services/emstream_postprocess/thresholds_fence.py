"""A check that keeps a worker that comes back late from publishing files of earlier thresholds.

A worker may be frozen for as long as it takes others to finish its job, and a user to change the thresholds. Back
again, it learns only some seconds later that its lease is lost; job.json shows it at once. Checked just before each
publishing, and before anything is removed, so nothing of earlier thresholds follows what was derived by later ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from emstream.work.loop import Abandoned, Unit


def fence(unit: Unit) -> Callable[[], None]:
    """Return the unit's check, which also raises Abandoned once job.json has other thresholds than the unit."""
    thresholds = unit.job.plan.thresholds
    seen: tuple[int, int] | None = (0, 0)  # of no file: a job that is gone by the first check is noticed

    def check() -> None:
        nonlocal seen
        unit.check()
        stamp = _stamp(unit.folder.record_path)
        if stamp != seen:  # read only where it has changed: it may be megabytes, and checks are many
            job = unit.folder.read_planned()
            if job is None or job.plan.thresholds != thresholds:
                raise Abandoned
            seen = stamp

    return check


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        facts: os.stat_result = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_mtime_ns, facts.st_ino
