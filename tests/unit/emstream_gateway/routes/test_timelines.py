"""Timelines: units by kind of worker, in order of their starts."""

from __future__ import annotations

from pathlib import Path

from emstream.jobs.folder import JobFolder
from emstream.jobs.timeline import TimelineEntry
from emstream.stages import Stage
from emstream_gateway.routes.service import lanes


def folder_with(path: Path, *entries: TimelineEntry, cut_off: str = "") -> JobFolder:
    path.mkdir()
    folder = JobFolder(path)
    folder.timeline_path.write_text("".join(f"{entry.to_json()}\n" for entry in entries) + cut_off)
    return folder


def test_units_of_several_jobs_are_sorted_into_their_lanes(tmp_path: Path) -> None:
    one = folder_with(
        tmp_path / "one", TimelineEntry(Stage.PREPROCESS, 0, 5, 6), TimelineEntry(Stage.PLAN, 0, 1, 2), cut_off='{"sta'
    )
    other = folder_with(
        tmp_path / "two", TimelineEntry(Stage.PREPROCESS, 3, 3, 4), TimelineEntry(Stage.FINISH, 0, 7, 9)
    )
    found = lanes([one, other], 0.0)
    assert list(found) == ["preprocess", "inference", "postprocess"]
    assert [(span.job, span.unit, span.start) for span in found["preprocess"]] == [
        ("one", 0, 1),
        ("two", 3, 3),
        ("one", 0, 5),
    ]
    assert found["inference"] == []
    assert [(span.start, span.stop) for span in found["postprocess"]] == [(7, 9)]


def test_units_that_ended_before_are_left_out(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "one", *(TimelineEntry(Stage.INFERENCE, n, n, n + 1.5) for n in range(4)))
    assert [span.unit for span in lanes([folder], 2.5)["inference"]] == [1, 2, 3]


def test_a_job_without_a_timeline_has_empty_lanes(tmp_path: Path) -> None:
    assert not any(lanes([JobFolder(tmp_path)], 0.0).values())
