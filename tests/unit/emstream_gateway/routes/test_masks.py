"""Masks, overlay and report: files that are there, files that are made when they are wanted, and why there are none."""

from __future__ import annotations

import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import export_path, mask_task
from emstream.stages import Stage
from emstream_gateway.jobs.actions import request_finish
from emstream_gateway.routes import masks
from tests.unit.emstream_gateway.conftest import Site


@pytest.fixture
def job(site: Site, monkeypatch: pytest.MonkeyPatch) -> JobFolder:
    monkeypatch.setattr(masks, "_POLL_S", 0.001)
    folder = site.finished()
    folder.exports.mkdir()
    export_path(folder, "h5").write_bytes(b"0123456789")
    return folder


def url(job: JobFolder, rest: str) -> str:
    return f"/v1/jobs/{job.path.name}/{rest}"


def test_mask_h5_comes_with_the_job_under_the_samples_name(site: Site, job: JobFolder) -> None:
    answer = site.client.get(url(job, "mask"))
    assert (answer.content, answer.headers["content-type"]) == (b"0123456789", "application/x-hdf5")
    assert "rat_mask.h5" in answer.headers["content-disposition"]
    part = site.client.get(url(job, "mask"), headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


@pytest.mark.parametrize(("form", "media_type"), [("tiff", "image/tiff"), ("png", "application/zip")])
def test_another_format_is_made_while_the_request_waits(
    site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch, form: str, media_type: str
) -> None:
    def make(*_: object) -> None:
        assert [hint.unit for hint in site.do(Stage.FINISH)] == [mask_task(form).unit]
        export_path(job, form, "spots").write_bytes(b"made")

    monkeypatch.setattr(masks, "_check_possible", make)
    answer = site.client.get(url(job, f"mask?format={form}"))
    assert (answer.content, answer.headers["content-type"]) == (b"made", media_type)


def test_after_a_while_the_request_is_told_to_ask_again(
    site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masks, "WAIT_S", 0.01)
    answer = site.client.get(url(job, "mask?format=tiff"))
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "2")
    assert answer.json()["id"] == job.path.name
    site.client.get(url(job, "mask?format=tiff"))
    assert len(site.do(Stage.FINISH)) == 1  # one that waits is not ordered twice


def test_masks_that_could_not_be_made_say_why(site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        request_finish(*arguments)  # type: ignore[arg-type]  # passed on
        site.do(Stage.FINISH, fails="the disk was full")

    monkeypatch.setattr(masks, "request_finish", fail)
    answer = site.client.get(url(job, "mask?format=png"))
    assert answer.status_code == 409
    assert answer.json()["detail"] == "the png masks could not be made: the disk was full. Ask again to try again"


def test_a_server_that_ends_makes_nobody_wait(site: Site, job: JobFolder) -> None:
    site.context.stopping.set()
    assert site.client.get(url(job, "mask?format=tiff")).status_code == 202


def test_an_object_that_the_job_does_not_have_is_refused_with_its_own(site: Site, job: JobFolder) -> None:
    answer = site.client.get(url(job, "mask?format=tiff&object=cats"))
    assert (answer.status_code, answer.json()["detail"]) == (404, "the job has no masks of 'cats'; it has: spots")
    assert site.client.get(url(job, "mask?format=docx")).status_code == 422


def test_what_comes_with_completion_is_told_apart_from_what_was_left_out(site: Site, job: JobFolder) -> None:
    left_out = site.client.get(url(job, "overlay"))
    assert (left_out.status_code, left_out.json()["detail"]) == (
        404,
        "the job has no overlay.png: it was made without",
    )
    early = site.client.get(url(site.job(), "report"))
    assert early.status_code == 409
    assert early.json()["detail"] == "the job is uploading and has no report.json: it comes with the job's completion"
    (job.exports / "overlay.png").write_bytes(b"\x89PNG")
    assert site.client.get(url(job, "overlay")).content == b"\x89PNG"
    assert site.client.get(url(job, "report")).json() == {"errors": []}
