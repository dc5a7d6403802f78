"""Inspections: the plan that a stack would have, or the sentence of what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from emstream.errors import DamagedFile
from emstream.jobs.record import Request
from emstream.models.recipes import MODELS, choose
from emstream.readers.open_stack import open_request
from emstream.readers.stack import StackReader
from emstream_preprocess.inspection import inspect

CHOICES = choose(("mitochondria",), "fast", [], MODELS)


def hdf5(path: Path, **shapes: tuple[int, int, int]) -> Path:
    """Write an HDF5 file of noise, a data set for each name."""
    noise = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, shape in shapes.items():
            file[name] = noise.integers(0, 256, shape, dtype=np.uint8)
    return path


def test_a_stack_is_described_as_its_plan_would_be(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "stack.h5", raw=(3, 70, 80))
    request = Request(input=str(path), voxel_size_nm=(50, 5.5, 5.5))
    found = inspect(path, lambda: open_request(path, request, 2**30), request, CHOICES)
    assert found.problem is None
    assert (found.shape_zyx, found.dtype) == ((3, 70, 80), "uint8")
    assert (found.voxel_size_nm, found.voxel_size_source) == ((50, 5.5, 5.5), "given by the user")
    assert found.dataset is not None
    assert found.dataset.strip("/") == "raw"


def test_several_data_sets_are_listed_for_the_user_to_choose(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "stack.h5", one=(3, 70, 80), two=(3, 70, 80))
    request = Request(input=str(path))
    found = inspect(path, lambda: open_request(path, request, 2**30), request, CHOICES)
    assert found.problem is not None
    assert found.dataset is None
    assert {facts.name.strip("/") for facts in found.datasets} == {"one", "two"}


def test_what_cannot_be_read_is_a_problem_not_an_error(tmp_path: Path) -> None:
    def damaged() -> StackReader:
        raise DamagedFile("stack.tif is truncated: send it again")

    found = inspect(tmp_path / "stack.tif", damaged, Request(input="stack.tif"), CHOICES)
    assert found.problem == "stack.tif is truncated: send it again"
    assert found.shape_zyx is None


@pytest.mark.parametrize(("stated", "doubt"), [((4, 4, 400), "hardly ever so unequal"), ((40, 400, 400), "times off")])
def test_a_voxel_size_that_cannot_be_right_is_shown_to_be_corrected(
    tmp_path: Path, stated: tuple[int, int, int], doubt: str
) -> None:
    path = hdf5(tmp_path / "stack.h5", raw=(90, 70, 80))
    with h5py.File(path, "a") as file:
        file["raw"].attrs["resolution"] = stated
    request = Request(input=str(path))
    found = inspect(path, lambda: open_request(path, request, 2**30), request, CHOICES)
    assert found.problem is None
    assert found.shape_zyx == (90, 70, 80)
    assert found.voxel_size_nm == stated
    assert found.voxel_size_doubt is not None
    assert doubt in found.voxel_size_doubt
