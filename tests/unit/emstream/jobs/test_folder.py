"""Job folders: paths, what they show as done, and records that come back as they were written."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Request
from emstream.ledger.terms import Found, JobShape
from tests.plans import make_plan

RECORD = JobRecord(id="j1", owner="ada", request=Request(input="stack.tif"))


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    folder.write(RECORD)
    assert folder.read() == RECORD
    assert folder.read_planned() is None


def test_an_empty_folder_holds_no_job(tmp_path: Path) -> None:
    assert JobFolder(tmp_path).read() is None
    assert JobFolder(tmp_path).read_planned() is None
    assert JobFolder(tmp_path).found() == Found()


def test_a_damaged_record_names_its_file_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text('{"id": 1')
    with pytest.raises(VolumeDamaged, match=r"job\.json is damaged: delete .* and start again"):
        JobFolder(tmp_path).read()


def test_final_names_mean_done_and_parts_do_not(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    for path in (folder.stack(0), folder.stack(7), folder.result(3), folder.probability(12)):
        touch(path)
    part = folder.stack(1).with_name(".00001.h5.77.part")
    touch(part)
    assert folder.done_units("stack") == {0, 7}
    assert folder.done_units("result") == {3}
    assert folder.done_units("probability") == {12}
    assert folder.done_units("labels") == set()
    assert list(folder.leftovers()) == [part]


def test_the_disk_shows_what_is_done_once_there_is_a_plan(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    touch(folder.stack(0))
    folder.write(RECORD)
    assert folder.found() == Found()
    plan = make_plan((4, 64, 64), sections=2)
    folder.write(RECORD.with_plan(plan))
    assert folder.found() == Found(JobShape(2, plan.packages_per_slab), slabs=frozenset({0}))
    folder.report_path.touch()
    assert folder.found().is_finished
