"""Deletion of a job's files: what is due when, in one step, and files that others link to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.jobs.folder import JobFolder
from emstream.jobs.retention import DAY_S, Retention, Step, drop, ended_at, set_aside

DAYS = st.sampled_from([0.0, 0.5, 1.0, 7.0, 90.0])


@given(st.builds(Retention, DAYS, DAYS, DAYS), st.floats(0, 1e9), st.floats(-1, 200))
def test_a_step_is_due_from_its_day_on_and_zero_keeps_for_ever(kept: Retention, ended: float, days: float) -> None:
    now = ended + days * DAY_S
    due = kept.due(ended, now)
    whole = kept.results_days and now - ended >= kept.results_days * DAY_S
    assert (due == [Step.RESULTS]) == bool(whole)
    if not whole:
        assert (Step.INPUT in due) == bool(kept.input_days and now - ended >= kept.input_days * DAY_S)
        assert (Step.INTERMEDIATES in due) == bool(
            kept.intermediates_days and now - ended >= kept.intermediates_days * DAY_S
        )
    assert kept.due(None, now) == []


@given(st.builds(Retention, DAYS, DAYS, DAYS), st.floats(0, 100), st.floats(0, 100))
def test_what_is_due_stays_due_or_all_of_it_is(kept: Retention, first: float, more: float) -> None:
    before, later = kept.due(0.0, first * DAY_S), kept.due(0.0, (first + more) * DAY_S)
    assert set(before) <= set(later) or later == [Step.RESULTS]


def test_the_newest_mark_is_the_end(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert ended_at(folder) is None
    for mark, when in ((folder.report_path, 50), (folder.cancelled_path, 70), (folder.failure_path, 60)):
        mark.touch()
        os.utime(mark, (when, when))
    assert ended_at(folder) == 70


@pytest.mark.parametrize(
    ("step", "gone"),
    [(Step.INPUT, {"input", "incoming"}), (Step.INTERMEDIATES, {"stack", "probability", "meshes", "objects/whole"})],
)
def test_a_step_deletes_its_folders_and_nothing_else(tmp_path: Path, step: Step, gone: set[str]) -> None:
    folder = JobFolder(tmp_path)
    names = ["input", "incoming", "stack", "probability", "meshes", "objects/whole", "result", "labels", "exports"]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    assert drop(folder, step)
    assert {name for name in names if not (tmp_path / name).exists()} == gone
    assert not list(tmp_path.rglob(".*.gone"))
    assert not drop(folder, step)  # nothing was left to delete


def test_what_a_killed_deletion_left_is_deleted_with_the_next(tmp_path: Path) -> None:
    for name in (".input.gone", "input"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    assert drop(JobFolder(tmp_path), Step.INPUT)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_job_links_to_stays_with_it(tmp_path: Path) -> None:
    for job in ("one", "other"):
        (tmp_path / job / "input").mkdir(parents=True)
    (tmp_path / "one" / "input" / "a").write_bytes(b"section")
    os.link(tmp_path / "one" / "input" / "a", tmp_path / "other" / "input" / "a")
    drop(JobFolder(tmp_path / "one"), Step.INPUT)
    assert (tmp_path / "other" / "input" / "a").read_bytes() == b"section"


def test_a_job_set_aside_is_seen_by_no_list_of_jobs(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir()
    gone = set_aside(JobFolder(tmp_path / "j"))
    assert (gone.parent, gone.name) == (tmp_path, ".deleted-j")
    assert not (tmp_path / "j").exists()
