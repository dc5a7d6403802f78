"""How long a job still needs: from the latest units of its timeline, so that pauses and restarts do not mislead."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from emstream.stages import Stage

TAIL_BYTES = 32 << 10
"""Read from the timeline's end: some 300 units."""


def seconds_left(timeline: Path, counts: Mapping[Stage, tuple[int, int]]) -> float | None:
    """Return the seconds until the slowest stage is through, or None while there is no rate.

    Each stage's rate is that of its units in the timeline's tail; stages work side by side, so the slowest one counts.
    """
    times: dict[str, list[tuple[float, float]]] = {}
    for line in tail(timeline):
        times.setdefault(str(line["stage"]), []).append((float(str(line["start"])), float(str(line["stop"]))))
    needs = []
    for stage in (Stage.PREPROCESS, Stage.INFERENCE, Stage.POSTPROCESS):
        done, total = counts[stage]
        spans = times.get(stage, [])
        if spans and done < total:
            elapsed = max(stop for _, stop in spans) - min(start for start, _ in spans)
            needs.append((total - done) * elapsed / len(spans))
        elif done < total and stage is Stage.INFERENCE:
            return None  # nothing is predicted yet
    return round(max(needs), 1) if needs else None


def tail(timeline: Path) -> Iterator[dict[str, object]]:
    """Yield the timeline's last units; a line cut off by a kill, or by the tail's start, is left out."""
    try:
        with timeline.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    yield from units(lines)


def units(lines: list[bytes]) -> Iterator[dict[str, object]]:
    """Yield the lines that are whole units."""
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"stage", "unit", "start", "stop"} <= line.keys():
            yield line
