"""Objects: uncertain ones as places to look at, and the values at a voxel."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from emstream.api.problems import WrongFields
from emstream.errors import JobNotFound, VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream_gateway.jobs.actions import start_upload
from emstream_gateway.routes.objects import check_inside, read_voxel, unsure
from emstream_gateway.storage.measurement_table import Page
from tests.plans import make_plan
from tests.unit.emstream_gateway.conftest import Desk


def test_an_uncertain_object_is_a_place_and_a_box() -> None:
    row: dict[str, int | float | bool | None] = {"id": 7, "uncertainty": 0.25}
    row |= {f"centroid_{axis}": value for axis, value in zip("zyx", (1.9, 20.2, 300.0), strict=True)}
    row |= {f"box_{axis}{end}": n + 10 * end for n, axis in enumerate("zyx") for end in (0, 1)}
    [found] = unsure(Page({}, [], 1, [row]))
    assert (found.id, found.uncertainty, (found.z, found.y, found.x)) == (7, 0.25, (1, 20, 300))
    assert found.box == ((0, 1, 2), (10, 11, 12))


def test_voxels_outside_of_the_volume_name_their_axis() -> None:
    plan = make_plan((2, 64, 48), 1)
    check_inside(plan, (1, 63, 47))
    for place, axis in (((2, 0, 0), "z"), ((0, 64, 0), "y"), ((0, 0, 48), "x")):
        with pytest.raises(WrongFields) as caught:
            check_inside(plan, place)
        assert caught.value.fields[0].field == axis


def test_a_file_that_is_deleted_meanwhile_is_not_damaged(desk: Desk, tmp_path: Path) -> None:
    folder = desk.upload("s1.png")
    start_upload(desk.context, folder)
    with pytest.raises(JobNotFound, match="ask again"):
        read_voxel(JobFolder(tmp_path).result(0), ["spots/probability/s0"], (0, 0, 0))
    damaged = tmp_path / "0.h5"
    damaged.write_bytes(b"no HDF5")
    with pytest.raises(VolumeDamaged):
        read_voxel(damaged, ["spots/probability/s0"], (0, 0, 0))


def test_one_voxel_of_each_data_set_is_read(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    with h5py.File(tmp_path / "0.h5", "w") as file:
        for name, array in (("a", values), ("b", 100 + values)):
            file.create_dataset(name, data=array, chunks=(1, 3, 4))
    assert read_voxel(tmp_path / "0.h5", ["a", "b"], (1, 2, 3)) == [23, 123]
