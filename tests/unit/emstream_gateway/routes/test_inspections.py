"""Inspections of uploads: begun, followed, refused with the data sets, lost by the broker and entered again."""

from __future__ import annotations

import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.inspection import DatasetFacts, Inspection, inspection_folder, picture_path, write_inspection
from emstream.stages import Stage
from tests.unit.emstream_gateway.conftest import Site

FOUND = Inspection(shape_zyx=(3, 20, 30), dtype="uint8", sections=("s1.png", "s2.png", "s3.png"), source="3 sections")


def begun(site: Site, job: JobFolder, query: str = "") -> JobFolder:
    """Begin an inspection; return its folder."""
    answer = site.client.post(f"/v1/jobs/{job.path.name}/inspect{query}")
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{job.path.name}/inspection"
    return inspection_folder(site.context.store.path, job.path.name)


def test_a_worker_gets_the_files_by_links_and_the_settings_without_the_region(site: Site) -> None:
    job = site.job(region=((0, 0, 0), (1, 2, 3)), dataset="raw")
    folder = begun(site, job, "?dataset=volumes/raw")
    record = folder.read()
    assert record is not None
    assert (record.request.region, record.request.dataset) == (None, "volumes/raw")
    assert [file.name for file in record.files] == ["s1.png"]
    assert (folder.path / record.files[0].stored).read_bytes() == b"s1.png"
    assert [hint.job for hint in site.sent.hints] == [folder.path.name]


def test_findings_are_shown_once_they_are_there(site: Site) -> None:
    job = site.job()
    address = f"/v1/jobs/{job.path.name}/inspection"
    assert "POST " in site.client.get(address).json()["detail"]
    folder = begun(site, job)
    assert site.client.get(address).status_code == 202
    write_inspection(folder, FOUND)
    found = site.client.get(address).json()
    assert (found["shape_zyx"], found["dtype"], found["sections"]) == ([3, 20, 30], "uint8", list(FOUND.sections))
    assert "problem" not in found
    assert site.ledger.status(folder.path.name) is None  # the ledger need not keep it


def test_a_stack_that_is_refused_lists_its_data_sets(site: Site) -> None:
    job = site.job()
    folder = begun(site, job)
    facts = DatasetFacts(name="/raw", shape=(3, 20, 30), dtype="uint8")
    write_inspection(folder, Inspection(problem="there are several data sets: name one", datasets=(facts,)))
    answer = site.client.get(f"/v1/jobs/{job.path.name}/inspection")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "there are several data sets: name one"
    assert answer.json()["datasets"] == [{"name": "/raw", "shape": [3, 20, 30], "dtype": "uint8"}]


def test_a_worker_that_failed_is_a_problem_and_a_lost_inspection_begins_again(site: Site) -> None:
    job = site.job()
    address, folder = f"/v1/jobs/{job.path.name}/inspection", begun(site, job)
    site.ledger.forget(folder.path.name)
    site.sent.hints.clear()
    assert site.client.get(address).status_code == 202
    site.do(Stage.PLAN, fails="its workers died or hung")
    answer = site.client.get(address)
    assert answer.status_code == 422
    assert "the files could not be inspected: its workers died or hung" in answer.json()["detail"]


def test_an_inspection_may_be_made_again_with_other_settings(site: Site) -> None:
    job = site.job()
    write_inspection(begun(site, job), FOUND)
    begun(site, job, "?dataset=other")
    assert site.client.get(f"/v1/jobs/{job.path.name}/inspection").status_code == 202


def test_files_that_have_not_all_arrived_cannot_be_inspected(site: Site) -> None:
    made = site.client.post("/v1/jobs", json={"files": [{"name": "s1.png", "size": 6}]})
    job = made.json()["jobs"][0]["id"]
    answer = site.client.post(f"/v1/jobs/{job}/inspect")
    assert answer.status_code == 409
    assert "have not arrived: send them first" in answer.json()["detail"]


class TestPictures:
    """Small pictures of the sections of an inspected stack."""

    def test_a_picture_is_wanted_when_it_is_first_asked_for(self, site: Site) -> None:
        job = site.job()
        address, folder = f"/v1/jobs/{job.path.name}/inspection/sections/2.png", begun(site, job)
        write_inspection(folder, FOUND)
        site.do(Stage.PLAN)
        assert site.client.get(address).status_code == 202
        assert picture_path(folder, 2).with_suffix(".wanted").exists()
        assert [hint.job for hint in site.do(Stage.PLAN)] == [folder.path.name]
        picture_path(folder, 2).write_bytes(b"\x89PNG")
        answer = site.client.get(address)
        assert (answer.content, answer.headers["content-type"]) == (b"\x89PNG", "image/png")

    def test_one_that_could_not_be_drawn_says_why_and_is_tried_again(self, site: Site) -> None:
        job = site.job()
        address, folder = f"/v1/jobs/{job.path.name}/inspection/sections/0.png", begun(site, job)
        write_inspection(folder, FOUND)
        site.do(Stage.PLAN, fails="s1.png is truncated")
        answer = site.client.get(address)
        assert (answer.status_code, answer.json()["detail"]) == (
            422,
            "the section could not be drawn: s1.png is truncated",
        )
        assert site.client.get(address).status_code == 202

    @pytest.mark.parametrize(("z", "status"), [(3, 404), (-1, 422), (2**31, 422)])
    def test_a_section_that_there_is_not_is_refused(self, site: Site, z: int, status: int) -> None:
        job = site.job()
        write_inspection(begun(site, job), FOUND)
        answer = site.client.get(f"/v1/jobs/{job.path.name}/inspection/sections/{z}.png")
        assert answer.status_code == status
