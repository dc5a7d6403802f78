"""Stitching: packages side by side, grids averaged by their checkpoints, masks at a threshold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import created, opened, publishing
from emstream.volume.planes import Planes
from emstream_postprocess.stitch import drop_packages, least_value, mask_of, write_result
from tests.plans import make_plan


@given(threshold=st.floats(0.01, 1), value=st.integers(0, 255))
def test_a_voxel_is_structure_from_the_threshold_on(threshold: float, value: int) -> None:
    mask = mask_of(np.array([[value]], np.uint8), threshold)
    assert mask[0, 0] == (255 if value >= least_value(threshold) else 0)
    assert (least_value(threshold) - 1) / 255 < threshold <= least_value(threshold) / 255 + 1e-8


def write_package(folder: JobFolder, number: int, values: NDArray[np.uint8], layer: str = "probability") -> None:
    with publishing(folder.probability(number)) as part, created(part) as file:
        planes = Planes.create(file, f"spots/{layer}", values.shape, "zstd-fast")
        for z, section in enumerate(values):
            planes.write(z, section)


def write_packages(folder: JobFolder, plan: Plan, volume: NDArray[np.uint8]) -> None:
    for package in plan.packages(plan.slabs[0]):
        write_package(folder, package.index, volume[package.core_box.slices])


def result(folder: JobFolder, dataset: str) -> NDArray[np.uint8]:
    with opened(folder.result(0)) as file:
        planes = Planes.open(file, dataset)
        return np.stack([planes.read(z) for z in range(planes.shape[0])]).astype(np.uint8)


def test_packages_come_together_voxel_by_voxel(tmp_path: Path) -> None:
    folder, plan = JobFolder(tmp_path), make_plan((2, 100, 150), sections=2, core_side=64)
    volume = np.random.default_rng(0).integers(0, 256, (2, 100, 150), dtype=np.uint8)
    assert plan.packages_per_slab > 1
    write_packages(folder, plan, volume)
    write_result(folder, plan, plan.slabs[0], with_spread=False)
    assert (result(folder, "spots/probability/s0") == volume).all()
    assert (result(folder, "spots/mask") == np.where(volume >= 128, 255, 0)).all()
    drop_packages(folder, plan, plan.slabs[0])
    assert folder.done_units("probability") == set()


def test_grids_are_averaged_by_the_number_of_their_checkpoints(tmp_path: Path) -> None:
    folder, plan = JobFolder(tmp_path), make_plan((1, 64, 64), sections=1)
    grid = plan.grids[0]
    two = grid.model_copy(update={"members": grid.members * 2})
    plan = plan.model_copy(update={"grids": (grid, two)})
    for number, value in enumerate((30, 60)):
        write_package(folder, number, np.full((1, 64, 64), value, np.uint8))
    write_result(folder, plan, plan.slabs[0], with_spread=False)
    assert (result(folder, "spots/probability/s0") == 50).all()


def test_a_check_that_raises_publishes_nothing(tmp_path: Path) -> None:
    folder, plan = JobFolder(tmp_path), make_plan((2, 64, 64), sections=2)
    write_packages(folder, plan, np.zeros((2, 64, 64), np.uint8))

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        write_result(folder, plan, plan.slabs[0], with_spread=False, check=stop)
    assert not folder.result(0).exists()
    assert list(folder.leftovers()) == []
