"""Estimates of time: of a new job, by earlier jobs of this service; of a running one, by its latest units.

A job's work is the number of voxels that its networks see: those of its grids, times variants and checkpoints. Its
seconds are those from its first unit to its last, so they include everything that a job does.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median

from emstream.api.service import Estimate
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Plan
from emstream.jobs.timeline import TimelineEntry, entries_of
from emstream.models.checkpoint import RESCALE_TOLERANCE
from emstream.models.recipes import Recipe
from emstream.stages import SHOWN, Stage

LATEST = 20
"""Number of latest jobs that an estimate reads."""
LARGEST = 5
"""Number of largest ones among them that count: small jobs spend their time on other things than the network."""
TAIL_BYTES = 32 << 10
"""Bytes read from a timeline's end: some 300 units."""


@dataclass(frozen=True, slots=True)
class PastJob:
    """A completed job. pixel_size_nm: of its sections as resampled, or None if they were not resampled."""

    work: int
    seconds: float
    pixel_size_nm: float | None


def passes_of(recipes: Iterable[Recipe]) -> int:
    """Return how often the networks see every voxel: variants, times the different checkpoints."""
    chosen = list(recipes)
    return max(r.variants for r in chosen) * len({name for r in chosen for name in r.checkpoints})


def estimate(
    record_of: Callable[[JobFolder], JobRecord | None],
    folders: Iterable[JobFolder],
    work: int,
    pixel_size_nm: float | None,
) -> Estimate:
    """Return the seconds that `work` takes, by the latest jobs. folders: of jobs, newest first."""
    past: list[PastJob] = []
    for folder in folders:
        record = record_of(folder) if folder.report_path.exists() else None
        known = _past(folder.timeline_path, record.plan) if record and record.plan else None
        if known is not None:
            past.append(known)
        if len(past) == LATEST:
            break
    largest = sorted(past, key=lambda job: job.work, reverse=True)[:LARGEST]
    if not largest:
        return Estimate(seconds=None, based_on="no job was completed here yet: the first one shows how fast it is")
    rate = median(job.seconds / job.work for job in largest)
    seconds = work * _enlargement(largest, pixel_size_nm) * rate
    return Estimate(seconds=round(seconds, 1), based_on=f"{len(largest)} of the latest jobs completed here")


def _enlargement(past: Iterable[PastJob], pixel_size_nm: float | None) -> float:
    """Return by how much resampling changes the number of voxels, if earlier jobs show the networks' pixel size."""
    known = [job.pixel_size_nm for job in past if job.pixel_size_nm]
    if pixel_size_nm is None or not known:
        return 1.0
    ratio = pixel_size_nm / known[0]
    return 1.0 if abs(ratio - 1) <= RESCALE_TOLERANCE else ratio**2


def _past(timeline: Path, plan: Plan) -> PastJob | None:
    span = _span(timeline)
    pixels = sum(math.prod(grid.size_yx) * len(grid.members) for grid in plan.grids)
    target = next((grid.pixel_size_nm for grid in plan.grids if grid.is_resampled), None)
    return None if span is None else PastJob(pixels * plan.shape_zyx[0] * plan.variants, span, target)


def _span(timeline: Path) -> float | None:
    try:
        facts = timeline.stat()
    except FileNotFoundError:
        return None
    return _read_span(timeline, facts.st_mtime_ns)


@lru_cache(256)
def _read_span(timeline: Path, _changed: int) -> float | None:
    """Return the seconds from the start of the first unit to the end of the last one."""
    with timeline.open("rb") as file:
        try:
            first = TimelineEntry.from_json(file.readline()).start
        except ValueError:
            return None
    stop = max((unit.stop for unit in tail(timeline)), default=first)
    return stop - first if stop > first else None


def seconds_left(timeline: Path, counts: Mapping[Stage, tuple[int, int]]) -> float | None:
    """Return the seconds until the slowest stage is finished, or None while there is no rate.

    Each stage's rate is that of its units in the timeline's tail; stages work side by side, so the slowest one counts.
    """
    times: dict[Stage, list[TimelineEntry]] = {}
    for unit in tail(timeline):
        times.setdefault(unit.stage, []).append(unit)
    needs = []
    for stage in SHOWN:
        done, total = counts[stage]
        spans = times.get(stage, [])
        if spans and done < total:
            elapsed = max(unit.stop for unit in spans) - min(unit.start for unit in spans)
            needs.append((total - done) * elapsed / len(spans))
        elif done < total and stage is Stage.INFERENCE:
            return None  # nothing is predicted yet
    return round(max(needs), 1) if needs else None


def tail(timeline: Path) -> Iterator[TimelineEntry]:
    """Yield the timeline's last units; a line cut off by a kill, or by the tail's start, is left out."""
    try:
        with timeline.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    yield from entries_of(lines)
