"""Inspections: folders beside the jobs, findings that come back, marks of wanted pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.jobs.inspection import (
    Inspection,
    inspection_folder,
    is_inspection,
    picture_path,
    read_inspection,
    wanted_pictures,
    write_inspection,
)


def test_an_inspection_is_a_job_of_its_own_that_no_list_of_jobs_shows(tmp_path: Path) -> None:
    folder = inspection_folder(tmp_path, "ab12")
    assert folder.path.name.startswith(".")
    assert is_inspection(folder.path.name)
    assert not is_inspection("ab12")


def test_findings_come_back_as_written(tmp_path: Path) -> None:
    folder = inspection_folder(tmp_path, "j")
    found = Inspection(shape_zyx=(3, 20, 30), dtype="uint8", sections=("a.png", "b.png", "c.png"), warnings=("pale",))
    folder.path.mkdir()
    write_inspection(folder, found)
    assert read_inspection(folder) == found


@pytest.mark.parametrize("content", [None, "", '{"dtype": 1}', '{"weather": "fair"}'])
def test_there_are_no_findings_until_they_are_whole(tmp_path: Path, content: str | None) -> None:
    folder = inspection_folder(tmp_path, "j")
    folder.path.mkdir()
    if content is not None:
        (folder.path / "inspection.json").write_text(content)
    assert read_inspection(folder) is None


def test_wanted_pictures_are_listed_in_order_with_their_marks(tmp_path: Path) -> None:
    folder = inspection_folder(tmp_path, "j")
    picture_path(folder, 0).parent.mkdir(parents=True)
    picture_path(folder, 4).touch()
    for z in (10, 2):
        picture_path(folder, z).with_suffix(".wanted").touch()
    assert [(z, mark.name) for z, mark in wanted_pictures(folder)] == [(2, "2.wanted"), (10, "10.wanted")]
