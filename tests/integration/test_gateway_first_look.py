"""Before a job is started: a look at its files by a worker, its likely time, and further jobs on the same files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from emstream.jobs.inspection import inspection_folder
from emstream.phantom.finished_job import write_result
from emstream.phantom.sections import Phantom
from emstream.settings import Settings
from emstream_preprocess.worker import Preprocess
from tests.integration.gateway_house import House, finish_job, let_a_worker_do, make_house, plan_job


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path / "data") as made:
        yield made


def sections(count: int = 3) -> dict[str, bytes]:
    """PNG files whose order by name is not that of their numbers."""
    phantom = Phantom((count, 64, 96))
    files = {}
    for z in range(count):
        file = io.BytesIO()
        Image.fromarray(phantom.section(z)[0]).save(file, "PNG")
        files[f"a/s{9 + z}.png"] = file.getvalue()
    return files


def uploading(house: House, files: dict[str, bytes], **settings: object) -> str:
    body = {"files": [{"name": name, "size": len(content)} for name, content in files.items()], "settings": settings}
    job = str(house.client.post("/v1/jobs", json=body).json()["jobs"][0]["id"])
    for name, content in files.items():
        assert house.client.put(f"/v1/jobs/{job}/files/{name}", content=content).status_code == 200
    return job


def let_a_worker_look(house: House) -> None:
    let_a_worker_do(house, Preprocess(Settings(data=house.data)).make)


def test_a_worker_looks_at_files_before_the_job_is_started(house: House) -> None:
    job = uploading(house, sections(), voxel_size_nm=[40, 6, 6])
    assert house.client.get(f"/v1/jobs/{job}/inspection").status_code == 404
    begun = house.client.post(f"/v1/jobs/{job}/inspect")
    assert (begun.status_code, begun.headers["location"]) == (202, f"/v1/jobs/{job}/inspection")
    assert house.client.get(f"/v1/jobs/{job}/inspection").status_code == 202
    let_a_worker_look(house)
    found = house.client.get(f"/v1/jobs/{job}/inspection").json()
    assert (found["shape_zyx"], found["dtype"], found["datasets"]) == ([3, 64, 96], "uint8", [])
    assert found["voxel_size_nm"] == [40, 6, 6]
    assert found["sections"] == ["a/s9.png", "a/s10.png", "a/s11.png"]
    assert house.client.get(f"/v1/jobs/{job}").json()["state"] == "uploading"
    (listed,) = house.client.get("/v1/jobs").json()["jobs"]
    assert listed == {
        name: value for name, value in house.client.get(f"/v1/jobs/{job}").json().items() if name != "files"
    }
    assert (listed["id"], listed["file_totals"]["count"], listed["file_totals"]["first"]) == (job, 3, "a/s9.png")
    assert house.client.post(f"/v1/jobs/{job}/start").status_code == 202
    assert house.client.get(f"/v1/jobs/{job}/inspection").json() == found
    house.client.delete(f"/v1/jobs/{job}")
    assert not inspection_folder(house.data / "jobs", job).path.exists()


def picture(house: House, job: str, z: int) -> NDArray[np.uint8]:
    path = f"/v1/jobs/{job}/inspection/sections/{z}.png"
    begun = house.client.get(path)
    assert (begun.status_code, begun.headers["location"]) == (202, path)
    let_a_worker_look(house)
    answer = house.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_path_on_the_server_is_looked_at_before_its_job_is_started(tmp_path: Path) -> None:
    stack = tmp_path / "stacks" / "rat"
    stack.mkdir(parents=True)
    whole = (np.add.outer(np.arange(900) // 8, np.arange(1300) // 16)).astype(np.uint8)
    for z in range(3):
        Image.fromarray(whole + np.uint8(z)).save(stack / f"s{9 + z}.png")
    with make_house(tmp_path / "data", input_roots=str(tmp_path / "stacks")) as house:
        order = {"input": str(stack), "start": False, "settings": {"region": [[0, 0, 0], [1, 9, 9]]}}
        answer = house.client.post("/v1/jobs", json=order)
        made = answer.json()["jobs"][0]
        assert (answer.status_code, made["state"], made["input"], made["files"]) == (201, "uploading", str(stack), [])
        job = made["id"]
        house.client.post(f"/v1/jobs/{job}/inspect")
        let_a_worker_look(house)
        found = house.client.get(f"/v1/jobs/{job}/inspection").json()
        assert (found["shape_zyx"], found["sections"]) == ([3, 900, 1300], ["s9.png", "s10.png", "s11.png"])
        drawn = picture(house, job, 2)
        means = whole.reshape(300, 3, -1)[:, :, :1299].reshape(300, 3, 433, 3).mean(axis=(1, 3))
        assert drawn.shape == (300, 434)
        assert np.corrcoef(drawn[:, :433].ravel(), means.ravel())[0, 1] > 0.99
        assert house.client.get(f"/v1/jobs/{job}/inspection").json() == found
        assert house.client.get(f"/v1/jobs/{job}/inspection/sections/3.png").status_code == 404
        assert house.client.put(f"/v1/jobs/{job}/files/s.png", content=b"1").json()["code"] == "upload_refused"
        copy = house.client.post("/v1/jobs", json={"input_of": job}).json()["jobs"][0]
        assert house.client.post(f"/v1/jobs/{job}/start").json()["state"] == "queued"
        for started in (job, copy["id"]):
            record = house.folder(started).read()
            assert record is not None
            assert record.request.input == str(stack)
            house.client.delete(f"/v1/jobs/{started}")
        assert len(list(stack.iterdir())) == 3
        both = {"input_of": job, "start": False}
        assert house.client.post("/v1/jobs", json=both).status_code == 422


def test_data_sets_are_listed_also_where_one_must_be_chosen(house: House) -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as store:
        for name, seed in (("one", 1), ("two", 2)):
            store[name] = np.stack([Phantom((2, 64, 64), seed=seed).section(z)[0] for z in range(2)])
    job = uploading(house, {"stack.h5": file.getvalue()})
    house.client.post(f"/v1/jobs/{job}/inspect")
    let_a_worker_look(house)
    answer = house.client.get(f"/v1/jobs/{job}/inspection")
    assert answer.status_code == 422
    assert "Choose one" in answer.json()["detail"]
    assert [entry["name"] for entry in answer.json()["datasets"]] == ["one", "two"]
    house.client.post(f"/v1/jobs/{job}/inspect?dataset=two")
    let_a_worker_look(house)
    found = house.client.get(f"/v1/jobs/{job}/inspection").json()
    assert (found["dataset"], found["shape_zyx"]) == ("two", [2, 64, 64])


def test_a_mask_given_as_sections_is_a_problem_in_words(house: House) -> None:
    file = io.BytesIO()
    Image.fromarray(np.eye(64, dtype=np.uint8) * 255).save(file, "PNG")
    job = uploading(house, {"mask.png": file.getvalue()})
    house.client.post(f"/v1/jobs/{job}/inspect")
    let_a_worker_look(house)
    answer = house.client.get(f"/v1/jobs/{job}/inspection")
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_input")
    assert "looks like a mask" in answer.json()["detail"]
    assert str(house.data) not in answer.text


def test_files_that_have_not_arrived_cannot_be_looked_at_or_copied(house: House) -> None:
    job = house.client.post("/v1/jobs", json={"files": [{"name": "s.png", "size": 4}]}).json()["jobs"][0]["id"]
    for answer in (
        house.client.post(f"/v1/jobs/{job}/inspect"),
        house.client.post("/v1/jobs", json={"input_of": job}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


@pytest.mark.parametrize("is_started", [False, True])
def test_another_job_can_work_on_the_same_files(house: House, is_started: bool) -> None:
    job = uploading(house, sections())
    if is_started:
        house.client.post(f"/v1/jobs/{job}/start")
    settings = {"quality": "fast", "region": [[0, 0, 0], [1, 64, 64]]}
    answer = house.client.post("/v1/jobs", json={"input_of": job, "name": "preview", "settings": settings})
    assert answer.status_code == 202
    made = answer.json()["jobs"][0]
    assert (made["state"], made["name"], made["settings"]["quality"]) == ("queued", "preview", "fast")
    record = house.folder(made["id"]).read()
    assert record is not None
    assert record.request.region == ((0, 0, 0), (1, 64, 64))
    first = house.folder(made["id"]).path / record.files[0].stored
    assert (record.files[0].name, os.stat(first).st_nlink) == ("a/s9.png", 2)
    house.client.delete(f"/v1/jobs/{job}")
    assert first.read_bytes() == sections()["a/s9.png"]
    stranger = house.as_owner("ems_bob")
    assert house.client.post("/v1/jobs", json={"input_of": made["id"]}, headers=stranger).status_code == 404
    both = {"input_of": made["id"], "files": [{"name": "s.png"}]}
    assert house.client.post("/v1/jobs", json=both).status_code == 422


def test_the_time_is_estimated_from_jobs_that_were_done(house: House) -> None:
    ask = "/v1/estimate?voxels=1000000&quality=fast"
    assert house.client.get(ask).json()["seconds"] is None
    done = write_result(Phantom((2, 100, 100)), house.data / "jobs", owner="ann")
    lines = [{"stage": "inference", "unit": u, "start": 100.0 + u, "stop": 101.0 + u} for u in range(10)]
    done.timeline_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = house.client.get(ask).json()
    assert found["seconds"] == pytest.approx(10 / 20_000 * 1_000_000)
    assert "1 of the latest jobs" in found["based_on"]
    assert house.client.get(f"{ask}&quality=balanced").status_code in (200, 422)
    four = house.client.get("/v1/estimate?voxels=1000000&voxel_size_nm=50,5.5,5.5").json()
    assert four["seconds"] == pytest.approx(4 * found["seconds"])
    assert house.client.get(f"{ask}&objects=cats").json()["code"] == "unknown_object"


def test_models_say_what_their_qualities_mean(house: House) -> None:
    models = house.client.get("/v1/models").json()["models"]
    assert {model["quality"] for model in models} == {"fast", "balanced", "accurate"}
    assert all(model["words"].endswith(".") for model in models)
    assert any(model["is_default"] for model in models)


def test_a_job_that_is_done_can_be_looked_at_again(house: House) -> None:
    job = house.one_job()
    plan_job(house, job)
    finish_job(house, job)
    assert house.client.post(f"/v1/jobs/{job}/inspect").status_code == 202
