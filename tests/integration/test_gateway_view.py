"""Looking at jobs over HTTP: what there is to see, and tiles that are the voxels on disk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from emstream.jobs.folder import JobFolder
from emstream.phantom.finished_job import write_result
from emstream.phantom.sections import Phantom
from emstream.volume.colours import coloured
from emstream.volume.files import opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes
from emstream_gateway.storage.tiles import SlabFiles, uncertainty_of
from tests.integration.gateway_house import House, make_house, plan_job

SHAPE = (3, 530, 1100)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with make_house(tmp_path_factory.mktemp("view")) as made:
        yield made


@pytest.fixture(scope="module")
def job(house: House) -> JobFolder:
    """A finished job of two slabs, with spread and labels."""
    return write_result(Phantom(SHAPE), house.data / "jobs", owner="ann", slab_sections=2, with_spread=True)


def tile(house: House, job: JobFolder, address: str, **headers: str) -> httpx.Response:
    return house.client.get(f"/v1/jobs/{job.path.name}/tiles/{address}", headers=headers)


def picture(answer: httpx.Response) -> NDArray[np.uint8]:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def stored(path: Path, dataset: str, z: int) -> NDArray[np.uint8]:
    with opened(path) as file:
        return Planes.open(file, dataset).read(z)


def test_a_view_says_what_there_is_to_see(house: House, job: JobFolder) -> None:
    found = house.client.get(f"/v1/jobs/{job.path.name}/view").json()
    assert found["shape_zyx"] == list(SHAPE)
    assert (found["levels"], found["tile"], found["state"]) == (3, 512, "completed")
    assert found["sections_read"] == found["sections_stitched"] == [[0, 3]]
    assert found["voxel_size_nm"] == [50, 5.5, 5.5]
    [shown] = found["objects"]
    expected = {"name": "mitochondria", "threshold": 0.5, "colour": "#00c853", "has_spread": True, "has_labels": True}
    expected["trained_on"] = ""
    assert shown == expected


@pytest.mark.parametrize("level", [0, 1, 2])
def test_tiles_are_the_pyramid_on_disk(house: House, job: JobFolder, level: int) -> None:
    layers = {
        "raw": (job.stack(1), "raw"),
        "mitochondria": (job.result(1), "mitochondria/probability"),
        "mitochondria.spread": (job.result(1), "mitochondria/spread"),
    }
    for layer, (path, pyramid) in layers.items():
        whole = stored(path, f"{pyramid}/s{level}", 0)
        columns, rows = -(-whole.shape[1] // 512), -(-whole.shape[0] // 512)
        for x in range(columns):
            for y in range(rows):
                shown = picture(tile(house, job, f"{layer}/2/{level}/{x}_{y}.png"))
                assert (shown == whole[y * 512 :, x * 512 :][:512, :512]).all()
        assert tile(house, job, f"{layer}/2/{level}/{columns}_0.png").json()["code"] == "not_found"


def test_jpeg_tiles_of_the_sections_are_near_enough(house: House, job: JobFolder) -> None:
    answer = tile(house, job, "raw/0/0/1_0.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    difference = picture(answer).astype(int) - stored(job.stack(0), "raw/s0", 0)[:512, 512:1024]
    assert np.abs(difference).mean() < 4
    assert tile(house, job, "mitochondria/0/0/0_0.jpg").status_code == 422


@pytest.mark.parametrize("level", [0, 2])
def test_label_tiles_give_each_object_its_colour(house: House, job: JobFolder, level: int) -> None:
    with opened(job.labels(1)) as file:
        labels = Planes.open(file, "mitochondria/labels").read_box(Box((0, 0, 0), (1, *SHAPE[1:])))[0]
    assert len(np.unique(labels)) > 3
    shown = picture(tile(house, job, f"mitochondria.labels/2/{level}/0_0.png"))
    thin = labels[:: 1 << level, :: 1 << level][:512, :512]
    assert (shown == coloured(thin)).all()
    assert ((shown[..., 3] == 255) == (thin > 0)).all()


def test_where_a_job_stored_no_spread_it_is_made_of_the_probability(house: House, tmp_path: Path) -> None:
    plain = write_result(Phantom((1, 300, 300)), house.data / "jobs", owner="ann")
    shown = picture(tile(house, plain, "mitochondria.spread/0/0/0_0.png"))
    probability = stored(plain.result(0), "mitochondria/probability/s0", 0) / 255
    assert (shown == np.rint(4 * probability * (1 - probability) * 255)).all()
    assert uncertainty_of(np.array([0, 128, 255], np.uint8)).tolist() == [0, 255, 0]


def test_a_tile_may_be_kept_for_ever_once_its_version_is_named(house: House, job: JobFolder) -> None:
    version = house.client.get(f"/v1/jobs/{job.path.name}/view").json()["version"]
    first = tile(house, job, f"raw/0/0/0_0.jpg?v={version}")
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert tile(house, job, "raw/0/0/0_0.jpg?v=old").headers["cache-control"] == "private, no-cache"
    again = tile(house, job, "raw/0/0/0_0.jpg", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert tile(house, job, "raw/1/0/0_0.jpg").headers["etag"] != first.headers["etag"]


def test_the_version_changes_with_the_record_and_with_the_labels(house: House) -> None:
    changing = write_result(Phantom((1, 64, 64)), house.data / "jobs", owner="ann")
    record = changing.read()
    assert record is not None

    def version() -> str:
        return str(house.client.get(f"/v1/jobs/{changing.path.name}/view").json()["version"])

    first = version()
    assert version() == first
    changing.labels(0).unlink()
    second = version()
    changing.write(record)
    assert len({first, second, version()}) == 3


def test_sections_appear_as_they_are_stitched(house: House) -> None:
    growing = write_result(Phantom((3, 64, 64)), house.data / "jobs", owner="ann", slab_sections=1)
    moved = growing.result(1).rename(growing.path / "later.h5")
    growing.labels(1).unlink()
    found = house.client.get(f"/v1/jobs/{growing.path.name}/view").json()
    assert found["sections_stitched"] == [[0, 1], [2, 3]]
    answer = tile(house, growing, "mitochondria/1/0/0_0.png")
    assert (answer.status_code, answer.json()["code"]) == (404, "section_not_ready")
    assert "cache-control" not in answer.headers
    moved.rename(growing.result(1))
    assert tile(house, growing, "mitochondria/1/0/0_0.png").status_code == 200
    assert tile(house, growing, "mitochondria.labels/1/0/0_0.png").json()["code"] == "section_not_ready"


def test_what_is_not_there_is_told(house: House, job: JobFolder) -> None:
    for address, word in (("nuclei/0/0/0_0.png", "mitochondria"), ("raw/3/0/0_0.png", "0 to 2")):
        answer = tile(house, job, address)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert word in answer.json()["detail"]
    assert tile(house, job, "raw/0/3/0_0.png").status_code == 404
    assert tile(house, job, "raw/-1/0/0_0.png").status_code == 404
    assert tile(house, job, "raw/0/0/0_0.gif").status_code == 422


def test_others_see_nothing_and_a_job_without_plan_has_no_view(house: House, job: JobFolder) -> None:
    stranger = house.as_owner("ems_bob")
    assert house.client.get(f"/v1/jobs/{job.path.name}/view", headers=stranger).status_code == 404
    assert tile(house, job, "raw/0/0/0_0.jpg", **stranger).status_code == 404
    queued = house.one_job()
    assert house.client.get(f"/v1/jobs/{queued}/view").json()["code"] == "wrong_state"
    plan_job(house, queued)
    view = house.client.get(f"/v1/jobs/{queued}/view").json()
    assert (view["sections_read"], view["objects"][0]["has_labels"]) == ([], False)


def test_a_deleted_job_leaves_no_file_open(house: House) -> None:
    gone = write_result(Phantom((1, 64, 64)), house.data / "jobs", owner="ann")
    assert tile(house, gone, "raw/0/0/0_0.png").status_code == 200
    assert house.client.delete(f"/v1/jobs/{gone.path.name}").status_code == 204
    assert tile(house, gone, "raw/0/0/0_0.png").status_code == 404
    links = [path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    assert not [link for link in links if gone.path.name in str(link) and link.suffix == ".h5"]


def test_few_files_are_open_at_a_time_and_a_replaced_one_is_opened_again(tmp_path: Path) -> None:
    jobs = [write_result(Phantom((1, 32, 32), seed=seed), tmp_path, slab_sections=1) for seed in range(3)]
    files = SlabFiles(most=2)
    for job in [*jobs, *jobs]:
        files.read(job.stack(0), lambda file: file["raw/s0"].shape)
        assert len(files._open) <= 2
    before = files.read(jobs[0].stack(0), lambda file: int(file["raw/s0"][0, 0, 0]))
    jobs[1].stack(0).replace(jobs[0].stack(0))
    after = files.read(jobs[0].stack(0), lambda file: file["raw/s0"][0])
    assert (after == Phantom((1, 32, 32), seed=1).section(0)[0]).all()
    assert isinstance(before, int)
    files.close()
    assert not files._open
