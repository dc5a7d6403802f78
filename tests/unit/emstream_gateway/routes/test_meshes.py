"""Surfaces: ordered by marks, made while the request waits, refused with the reason."""

from __future__ import annotations

import h5py
import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import failed_mark, mesh_path, wanted_mark
from emstream.stages import Stage
from emstream_gateway.jobs.actions import request_finish
from emstream_gateway.routes import meshes
from emstream_gateway.routes.meshes import MESHES
from tests.unit.emstream_gateway.conftest import Site


@pytest.fixture
def job(site: Site, monkeypatch: pytest.MonkeyPatch) -> JobFolder:
    monkeypatch.setattr(meshes, "_POLL_S", 0.001)
    folder = site.finished()
    folder.measurements.mkdir()
    with h5py.File(folder.measurements / "spots.h5", "w") as file:
        file["id"] = [1, 2, 3]
    return folder


def url(job: JobFolder, rest: str = "spots/2.stl") -> str:
    return f"/v1/jobs/{job.path.name}/meshes/{rest}"


def test_a_surface_that_is_there_is_sent_under_the_samples_name(site: Site, job: JobFolder) -> None:
    path = mesh_path(job, "spots", 2, "stl")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"solid")
    answer = site.client.get(url(job))
    assert (answer.content, answer.headers["content-type"]) == (b"solid", "model/stl")
    assert "rat_spots_2.stl" in answer.headers["content-disposition"]


def test_a_surface_is_marked_as_wanted_and_made_while_the_request_waits(
    site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mesh_path(job, "spots", 3, "glb")

    def make(*_: object) -> None:
        assert wanted_mark(path).exists()
        assert [hint.unit for hint in site.do(Stage.FINISH)] == [MESHES.unit]
        path.write_bytes(b"glTF")

    monkeypatch.setattr(meshes, "_check_possible", make)
    answer = site.client.get(url(job, "spots/3.glb"))
    assert (answer.content, answer.headers["content-type"]) == (b"glTF", "model/gltf-binary")


def test_one_that_takes_long_is_to_be_asked_for_again(
    site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meshes, "WAIT_S", 0.01)
    answer = site.client.get(url(job))
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")


def test_an_earlier_failure_does_not_answer_a_new_request(
    site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = mesh_path(job, "spots", 2, "stl")
    path.parent.mkdir(parents=True)
    failed_mark(path).write_text("an old sentence")

    def fail(*arguments: object) -> None:
        request_finish(*arguments)  # type: ignore[arg-type]  # passed on
        assert not failed_mark(path).exists()
        failed_mark(path).write_text("object 2 of spots is not in the labels")

    monkeypatch.setattr(meshes, "request_finish", fail)
    answer = site.client.get(url(job))
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "the surface could not be made: object 2 of spots is not in the labels",
    )


def test_a_task_that_failed_as_a_whole_says_why(site: Site, job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        request_finish(*arguments)  # type: ignore[arg-type]  # passed on
        site.do(Stage.FINISH, fails="its workers died or hung")

    monkeypatch.setattr(meshes, "request_finish", fail)
    answer = site.client.get(url(job))
    assert answer.status_code == 409
    assert answer.json()["detail"].endswith("its workers died or hung. Ask again to try again")


@pytest.mark.parametrize(
    ("rest", "status"), [("spots/4.stl", 404), ("spots/0.stl", 422), ("spots/1.obj", 422), ("cats/1.stl", 404)]
)
def test_a_surface_that_there_cannot_be_is_refused_and_not_ordered(
    site: Site, job: JobFolder, rest: str, status: int
) -> None:
    site.sent.hints.clear()
    answer = site.client.get(url(job, rest))
    assert answer.status_code == status
    if rest == "spots/4.stl":
        assert answer.json()["detail"] == "the job has no object 4 of spots: its numbers go from 1 to 3"
    assert not site.sent.hints
