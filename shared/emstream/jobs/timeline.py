"""A job's timeline.jsonl: one line per finished unit, appended by every worker. Times are seconds since the epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from emstream.stages import Stage


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A finished unit. The last three are known of packages only, and of a run in one process only `windows`.

    windows: windows that the network saw. worker: the name of the worker. engine_s: seconds that the worker's engine
    had been at work when it began, and when it ended.
    """

    stage: Stage
    unit: int
    start: float
    stop: float
    windows: int | None = None
    worker: str | None = None
    engine_s: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        """Seconds from start to stop."""
        return self.stop - self.start

    def to_json(self) -> str:
        """Return the entry as a line of the file, without the facts that are not known.

        >>> TimelineEntry(Stage.PREPROCESS, 3, 1.5, 2.0).to_json()
        '{"stage": "preprocess", "unit": 3, "start": 1.5, "stop": 2.0}'
        """
        facts = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({name: value for name, value in facts.items() if value is not None})

    @classmethod
    def from_json(cls, line: str | bytes) -> TimelineEntry:
        """Return the entry in a line. Raises ValueError if it is none; facts of other versions are left out."""
        facts = json.loads(line)
        try:
            edges = facts.get("engine_s")
            return cls(
                Stage(facts["stage"]),
                int(facts["unit"]),
                float(facts["start"]),
                float(facts["stop"]),
                facts.get("windows"),
                facts.get("worker"),
                None if edges is None else (float(edges[0]), float(edges[1])),
            )
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise ValueError(f"this is no line of a timeline: {line[:200]!r}") from error


class Timings(TypedDict, total=False):
    """Seconds of a job, as in its report. Of a run in one process also how its engine was used.

    total_s: from begin to end. joined_s: of merging shards. stages_s: per stage, summed over units. window_pixels:
    pixels that the networks saw, over all runs. engine_idle_share: 0..1, between the first and the last batch.
    """

    total_s: float
    joined_s: float
    stages_s: dict[str, float]
    engine_busy_s: float
    window_pixels: int
    engine_idle_share: float


@dataclass
class Timeline:
    """The file. engine: start and stop of this process's batches, which are not written."""

    path: Path
    engine: list[tuple[float, float]] = field(default_factory=list)

    def add(self, entry: TimelineEntry) -> None:
        """Append a finished unit. One write: lines of several processes do not mix."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, f"{entry.to_json()}\n".encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[TimelineEntry]:
        """Return all units, of earlier runs too; a line cut off by a kill is left out."""
        return list(entries_of(self.path.read_bytes().splitlines() if self.path.exists() else []))


def entries_of(lines: Iterable[str | bytes]) -> Iterator[TimelineEntry]:
    """Yield the lines that are whole entries."""
    for line in lines:
        try:
            yield TimelineEntry.from_json(line)
        except ValueError:
            continue


def stage_seconds(entries: Iterable[TimelineEntry]) -> dict[str, float]:
    """Return the seconds that each stage worked, in order of appearance, rounded to milliseconds.

    >>> stage_seconds([TimelineEntry(Stage.PREPROCESS, 0, 1, 2.5), TimelineEntry(Stage.PREPROCESS, 1, 2, 3)])
    {'preprocess': 2.5}
    """
    seconds: dict[str, float] = {}
    for entry in entries:
        stage = str(entry.stage)
        seconds[stage] = seconds.get(stage, 0.0) + entry.seconds
    return {stage: round(total, 3) for stage, total in seconds.items()}


def timings(entries: Iterable[TimelineEntry]) -> Timings:
    """Return the seconds per stage, and from the first unit's start to the last one's end."""
    units = list(entries)
    span = max(unit.stop for unit in units) - min(unit.start for unit in units) if units else 0.0
    return {"total_s": round(span, 3), "stages_s": stage_seconds(units)}
