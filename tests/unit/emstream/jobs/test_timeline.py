"""Timelines: lines that stay as they are on disk, typed entries, sums of seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.jobs.timeline import Timeline, TimelineEntry, entries_of, stage_seconds, timings
from emstream.stages import Stage

PACKAGE = TimelineEntry(Stage.INFERENCE, 7, 10.0, 12.5, 64, "gpu-1", (3.0, 4.25))


def test_a_line_has_the_facts_in_the_order_of_all_versions() -> None:
    assert PACKAGE.to_json() == (
        '{"stage": "inference", "unit": 7, "start": 10.0, "stop": 12.5, '
        '"windows": 64, "worker": "gpu-1", "engine_s": [3.0, 4.25]}'
    )


@given(
    stage=st.sampled_from(list(Stage)),
    unit=st.integers(0, 1 << 30),
    start=st.floats(0, 2e9),
    length=st.floats(0, 1e5),
    windows=st.none() | st.integers(0, 1 << 20),
)
def test_an_entry_survives_its_line(stage: Stage, unit: int, start: float, length: float, windows: int | None) -> None:
    entry = TimelineEntry(stage, unit, start, start + length, windows)
    assert TimelineEntry.from_json(entry.to_json()) == entry


def test_facts_of_another_version_are_left_out() -> None:
    line = '{"stage": "plan", "unit": 0, "start": 1, "stop": 2, "weather": "fair"}'
    assert TimelineEntry.from_json(line) == TimelineEntry(Stage.PLAN, 0, 1.0, 2.0)


@pytest.mark.parametrize(
    "line",
    ['{"stage": "plan", "uni', "[1, 2]", '{"stage": "plan"}', '{"stage": "x", "unit": 0, "start": 1, "stop": 2}'],
)
def test_what_is_no_entry_is_refused_and_left_out_of_a_file(line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        TimelineEntry.from_json(line)
    assert list(entries_of([line, PACKAGE.to_json()])) == [PACKAGE]


def test_units_of_several_writers_are_read_in_the_order_of_their_writing(tmp_path: Path) -> None:
    path = tmp_path / "timeline.jsonl"
    assert Timeline(path).read() == []
    first = TimelineEntry(Stage.PLAN, 0, 1.0, 2.0)
    Timeline(path).add(first)
    Timeline(path).add(PACKAGE)
    with path.open("ab") as file:
        file.write(b'{"stage": "inference", "unit": 8, "sta')
    assert Timeline(path).read() == [first, PACKAGE]


def test_seconds_are_summed_per_stage_and_spanned_over_all() -> None:
    units = [
        TimelineEntry(Stage.PREPROCESS, 0, 100.0, 101.0),
        PACKAGE,
        TimelineEntry(Stage.PREPROCESS, 1, 101.0, 101.0004),
    ]
    assert stage_seconds(units) == {"preprocess": 1.0, "inference": 2.5}
    assert timings(units) == {"total_s": 91.0, "stages_s": {"preprocess": 1.0, "inference": 2.5}}
    assert timings([]) == {"total_s": 0.0, "stages_s": {}}
