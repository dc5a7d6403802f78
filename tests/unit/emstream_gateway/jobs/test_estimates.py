"""Estimates of the time that jobs take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emstream.stages import Stage
from emstream_gateway.jobs.estimates import TAIL_BYTES, seconds_left


def write_timeline(path: Path, stage: Stage, count: int, period_s: float) -> None:
    with path.open("a") as file:
        for n in range(count):
            line = {"stage": stage, "unit": n, "start": n * period_s, "stop": (n + 1) * period_s}
            file.write(json.dumps(line) + "\n")


def counts(inference: tuple[int, int]) -> dict[Stage, tuple[int, int]]:
    return {
        Stage.PREPROCESS: (10, 10),
        Stage.INFERENCE: inference,
        Stage.POSTPROCESS: (10, 10),
        Stage.FINISH: (0, 1),
    }


def test_the_rate_of_the_latest_units_gives_the_seconds_left(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    assert seconds_left(timeline, counts((0, 40))) is None
    write_timeline(timeline, Stage.INFERENCE, 10, 2.0)
    assert seconds_left(timeline, counts((10, 40))) == pytest.approx(60.0)
    with timeline.open("a") as file:
        file.write('{"stage": "infer')
    assert seconds_left(timeline, counts((10, 40))) == pytest.approx(60.0)


def test_a_long_timeline_is_read_at_its_end_only(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    write_timeline(timeline, Stage.INFERENCE, 2000, 1.0)
    assert timeline.stat().st_size > 2 * TAIL_BYTES
    assert seconds_left(timeline, counts((2000, 2100))) == pytest.approx(100.0)
