"""Exports over HTTP: ordered, built by a worker, fetched in parts, stopped, and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from emstream.errors import JobFailed
from emstream.jobs.folder import JobFolder
from emstream.phantom.finished_job import write_result
from emstream.phantom.sections import Phantom
from emstream_postprocess import worker
from emstream_postprocess.worker import Postprocess
from tests.integration.gateway_house import House, let_a_worker_do, make_house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path / "data") as made:
        yield made


@pytest.fixture
def job(house: House) -> JobFolder:
    return write_result(Phantom((3, 64, 96)), house.data / "jobs", owner="ann", slab_sections=2)


def let_a_worker_build(house: House) -> None:
    let_a_worker_do(house, Postprocess(house.ledger).make)


def test_an_export_is_ordered_built_and_fetched_in_parts(house: House, job: JobFolder) -> None:
    url = f"/v1/jobs/{job.path.name}/exports"
    ordered = house.client.post(url, json={"content": "mask", "format": "h5", "z": [0, 2]})
    assert (ordered.status_code, ordered.json()["state"]) == (202, "waiting")
    address = ordered.headers["location"]
    assert address.startswith(url)
    assert house.client.get(address).status_code == 202
    let_a_worker_build(house)
    answer = house.client.get(address)
    assert answer.status_code == 200
    assert "phantom_3_x_64_x_96_mitochondria_mask_h5_z0-1.h5" in answer.headers["content-disposition"]
    (house.data / "a.h5").write_bytes(answer.content)
    with h5py.File(house.data / "a.h5") as file:
        assert file["mitochondria/mask"].shape == (2, 64, 96)
        assert job.path.name in file.attrs["emstream"]
    part = house.client.get(address, headers={"Range": "bytes=10-19", "If-Range": answer.headers["etag"]})
    assert (part.status_code, part.content) == (206, answer.content[10:20])
    assert house.client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    [listed] = house.client.get(url).json()["exports"]
    assert (listed["state"], listed["progress"], listed["size"]) == ("done", 1.0, len(answer.content))
    assert house.client.post(url, json={"content": "mask", "format": "h5", "z": [0, 2]}).json()["id"] == listed["id"]
    assert house.client.delete(address).status_code == 204
    assert house.client.get(address).status_code == 404
    assert house.client.get(url).json() == {"exports": []}


def test_what_cannot_be_saved_is_told_before_anything_is_built(house: House, job: JobFolder) -> None:
    url = f"/v1/jobs/{job.path.name}/exports"
    for wish, status in (({"format": "docx"}, 422), ({"objects": ["cats"]}, 422), ({"z": [2, 9]}, 422)):
        answer = house.client.post(url, json=wish)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert not house.sender.sent
    unfinished = house.one_job()
    assert house.client.post(f"/v1/jobs/{unfinished}/exports", json={}).json()["code"] == "wrong_state"
    assert house.client.post(url, json={}, headers=house.as_owner("ems_bob")).status_code == 404


def test_a_failed_export_says_why_and_can_be_tried_again(
    house: House, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise JobFailed("PNG holds numbers up to 65535")

    with monkeypatch.context() as patch:
        patch.setattr(worker, "build_export", fail)
        address = house.client.post(f"/v1/jobs/{job.path.name}/exports", json={"format": "png"}).headers["location"]
        let_a_worker_build(house)
    answer = house.client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert "PNG holds numbers" in answer.json()["detail"]
    assert house.client.get(f"/v1/jobs/{job.path.name}").json()["state"] == "completed"
    assert house.client.post(f"/v1/jobs/{job.path.name}/exports", json={"format": "png"}).json()["state"] == "waiting"
    let_a_worker_build(house)
    assert house.client.get(address).headers["content-type"] == "application/zip"


def test_an_export_that_is_removed_while_it_is_built_stops(
    house: House, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = house.client.post(f"/v1/jobs/{job.path.name}/exports", json={"format": "tiff"}).headers["location"]
    noted: list[float] = []

    def remove(folder: JobFolder, number: int, share: float) -> None:
        noted.append(share)
        assert house.client.delete(address).status_code == 204

    monkeypatch.setattr(worker, "note_progress", remove)
    let_a_worker_build(house)
    assert noted == [0.0]
    assert [path.name for path in job.exports.iterdir()] == ["orders"]
    assert house.client.get(f"/v1/jobs/{job.path.name}/exports").json() == {"exports": []}
    again = house.client.post(f"/v1/jobs/{job.path.name}/exports", json={"format": "tiff"})
    assert again.headers["location"] != address


def test_an_export_that_the_broker_lost_is_asked_for_again(house: House, job: JobFolder) -> None:
    address = house.client.post(f"/v1/jobs/{job.path.name}/exports", json={}).headers["location"]
    house.ledger.forget(job.path.name)
    let_a_worker_build(house)
    assert house.client.get(address).status_code == 202
    let_a_worker_build(house)
    assert house.client.get(address).status_code == 200
