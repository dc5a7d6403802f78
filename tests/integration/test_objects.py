"""Objects over HTTP: measurements, those to look at first, single voxels, other thresholds."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterator

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
import trimesh

from emstream.jobs.record import RAW
from emstream.ledger.terms import Answer
from emstream.stages import Stage
from emstream.volume.files import created, opened, publishing
from emstream.volume.planes import Planes
from emstream.work.loop import Unit
from emstream_postprocess.worker import Postprocess
from tests.integration.gateway_house import House, make_house
from tests.unit.emstream_postprocess.objects.test_steps import bumps, filtered, plan_of, write_results

SHAPE = (5, 300, 420)
VOLUME = bumps(SHAPE, 40)
LEAST = 20


def finish(house: House, job: str) -> None:
    """Do the finish units that wait, as a postprocess worker does."""
    stage, folder = Postprocess(house.ledger), house.folder(job)
    while True:
        house.sender.send(house.ledger.dispatch(Stage.FINISH, time.time()))
        hints = [hint for hint in dict.fromkeys(house.sender.sent) if hint.job == job and hint.stage is Stage.FINISH]
        leased = [
            (hint, lease) for hint in hints if (lease := house.ledger.claim(hint, time.time())).answer is Answer.OK
        ]
        if not leased:
            return
        for hint, lease in leased:
            record = folder.read()
            assert record is not None
            stage.make(Unit(hint, folder, record, lambda: None))
            house.ledger.complete(hint, lease.token)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with make_house(tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture(scope="module")
def job(house: House) -> str:
    job = house.one_job(settings=json.dumps({"min_voxels": LEAST}))
    folder, plan = house.folder(job), plan_of(SHAPE, sections=2)
    record = folder.read()
    assert record is not None
    folder.write(record.model_copy(update={"plan": plan}))
    assert house.client.get(f"/v1/jobs/{job}/measurements").status_code == 409
    write_results(folder, plan, VOLUME)
    for slab in plan.slabs:
        with publishing(folder.stack(slab.index)) as part, created(part) as file:
            planes = Planes.create(file, RAW, (slab.z_stop - slab.z_start, *SHAPE[1:]))
            for z in range(planes.shape[0]):
                planes.write(z, VOLUME[slab.z_start + z])
    house.ledger.forget(job)
    house.ledger.enter(job, "ann", folder.found())
    finish(house, job)
    return job


def ask(house: House, job: str, what: str, **parameters: object) -> httpx.Response:
    answer = house.client.get(f"/v1/jobs/{job}/{what}", params=parameters)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return answer


def test_measurements_are_those_of_the_whole_volume(house: House, job: str) -> None:
    expected = np.bincount(filtered(VOLUME >= 128, LEAST).ravel())[1:]
    found = ask(house, job, "measurements", limit=1000).json()
    assert [row["volume_voxels"] for row in found["rows"]] == expected.tolist()
    assert found["total"] == len(expected)
    assert found["voxel_size_nm"] == [30, 10, 10]
    assert found["volume_fraction"] == pytest.approx(expected.sum() / VOLUME.size)
    assert {column["name"]: column["unit"] for column in found["columns"]}["surface_area_um2"] == "µm²"
    report = ask(house, job, "report").json()["objects"]["spots"]
    assert report["measured"]["count"] == len(expected)
    page = ask(house, job, "measurements", sort="volume_um3", descending=True, offset=1, limit=2).json()
    assert [row["volume_voxels"] for row in page["rows"]] == sorted(expected.tolist(), reverse=True)[1:3]


def test_tables_are_handed_out_whole(house: House, job: str) -> None:
    text = ask(house, job, "measurements", format="csv")
    assert text.headers["content-disposition"].endswith('_spots.csv"')
    rows = list(csv.DictReader(io.StringIO(text.text)))
    table = pq.read_table(io.BytesIO(ask(house, job, "measurements", format="parquet").content))
    assert table["volume_voxels"].to_pylist() == [int(row["volume_voxels"]) for row in rows]


def test_the_least_sure_objects_come_first(house: House, job: str) -> None:
    rows = ask(house, job, "uncertain", limit=5).json()["rows"]
    values = [row["uncertainty"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(rows) == 5
    low, high = rows[0]["box"]
    assert all(a <= rows[0][axis] < b for a, b, axis in zip(low, high, "zyx", strict=True))


def test_a_voxel_tells_its_object(house: House, job: str) -> None:
    labels = filtered(VOLUME >= 128, LEAST)
    z, y, x = (int(v) for v in np.argwhere(labels)[-1])
    spot = ask(house, job, "at", z=z, y=y, x=x).json()["objects"]["spots"]
    assert spot == {"probability": round(VOLUME[z, y, x] / 255, 4), "label": int(labels[z, y, x])}
    z, y, x = (int(v) for v in np.argwhere(labels == 0)[0])
    assert ask(house, job, "at", z=z, y=y, x=x).json()["objects"]["spots"]["label"] is None
    assert house.client.get(f"/v1/jobs/{job}/at", params={"z": 5, "y": 0, "x": 0}).status_code == 422


@pytest.mark.parametrize("form", ["stl", "ply", "glb"])
def test_an_object_has_a_surface(house: House, job: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.routes.meshes.WAIT_S", 0.0)
    row = ask(house, job, "measurements", sort="volume_um3", descending=True).json()["rows"][0]
    url = f"/v1/jobs/{job}/meshes/spots/{row['id']}.{form}"
    assert house.client.get(url).status_code == 202
    finish(house, job)
    mesh = trimesh.load_mesh(io.BytesIO(house.client.get(url).content), file_type=form)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(row["volume_um3"], rel=0.15)
    low, high = mesh.bounds
    assert low == pytest.approx([row["box_x0"] * 0.01, row["box_y0"] * 0.01, row["box_z0"] * 0.03], abs=0.015)
    assert high == pytest.approx([row["box_x1"] * 0.01, row["box_y1"] * 0.01, row["box_z1"] * 0.03], abs=0.015)
    assert house.client.get(f"/v1/jobs/{job}/meshes/spots/100000.{form}").status_code == 404


def test_what_is_not_there_is_said(house: House, job: str) -> None:
    answer = house.client.get(f"/v1/jobs/{job}/measurements", params={"object": "cats"})
    assert (answer.status_code, "it has: spots" in answer.json()["detail"]) == (404, True)
    answer = house.client.get(f"/v1/jobs/{job}/measurements", params={"sort": "colour"})
    assert (answer.status_code, "volume_um3" in answer.json()["detail"]) == (422, True)
    answer = house.client.put(f"/v1/jobs/{job}/thresholds", json={"cats": 0.5})
    assert (answer.status_code, "it has: spots" in answer.json()["detail"]) == (422, True)
    assert house.client.put(f"/v1/jobs/{job}/thresholds", json={"spots": 2}).status_code == 422


def test_thresholds_that_were_changed_meanwhile_are_not_replaced(house: House, job: str) -> None:
    base = f"/v1/jobs/{job}"
    tag = house.client.get(f"{base}/view").json()["thresholds_tag"]
    answer = house.client.put(f"{base}/thresholds", json={"spots": 0.6}, headers={"If-Match": '"another"'})
    assert (answer.status_code, answer.json()["code"]) == (412, "outdated")
    assert house.client.get(f"{base}/view").json()["thresholds_tag"] == tag
    assert house.client.put(f"{base}/thresholds", json={"cats": 0.6}, headers={"If-Match": tag}).status_code == 422


def test_other_thresholds_give_other_masks_labels_and_measurements(house: House, job: str) -> None:
    for threshold in (0.8, 0.5):
        answer = house.client.put(f"/v1/jobs/{job}/thresholds", json={"spots": threshold})
        assert (answer.status_code, answer.json()["state"]) == (202, "running")
        finish(house, job)
        shown = house.client.get(f"/v1/jobs/{job}").json()
        assert (shown["state"], shown["settings"]["threshold"]) == ("completed", threshold)
        assert shown["links"]["measurements"] == f"/v1/jobs/{job}/measurements"
        mask = np.ceil(255 * threshold) <= VOLUME
        expected = np.bincount(filtered(mask, LEAST).ravel())[1:].tolist()
        rows = ask(house, job, "measurements", limit=1000).json()["rows"]
        assert [row["volume_voxels"] for row in rows] == expected
        with opened(house.folder(job).exports / "mask.h5") as file:
            assert ((file["spots/mask"][()] > 0) == mask).all()
