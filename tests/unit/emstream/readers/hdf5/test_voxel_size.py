"""Voxel size, axis order and Imaris' padding of HDF5 stacks."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey
from emstream.volume.voxel_size import VoxelSize

RNG = np.random.default_rng(4)
VOLUME = RNG.integers(0, 256, (20, 30, 40), np.uint8)


def read(path: Path, dataset: str | None = None) -> Grey:
    """Return the whole stack, put together from its blocks; every voxel must come exactly once."""
    with open_stack(path, dataset) as stack:
        values = np.zeros(stack.facts.shape_zyx, stack.facts.dtype)
        seen = np.zeros(stack.facts.shape_zyx, int)
        for rows in stack.blocks(0, values.shape[0]):
            depth, height, _ = rows.values.shape
            values[rows.z : rows.z + depth, rows.y : rows.y + height] = rows.values
            seen[rows.z : rows.z + depth, rows.y : rows.y + height] += 1
    assert (seen == 1).all()
    return values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v.h5"


@pytest.mark.parametrize(
    ("place", "attributes", "expected"),
    [
        ("g/raw", {"element_size_um": [0.03, 0.004, 0.005]}, (30, 4, 5)),
        ("g/raw", {"resolution": [40, 4, 4]}, (40, 4, 4)),
        ("g", {"resolution": [40.0, 4.0, 4.0]}, (40, 4, 4)),
        ("/", {"resolution": [0.04, 0.004, 0.004], "units": "um"}, (40, 4, 4)),
        ("g/raw", {"resolution": [40, 4, 4], "units": ["nm", "nm", "nm"]}, (40, 4, 4)),
        ("g/raw", {"resolution": "fine"}, None),
        ("g/raw", {"resolution": [40, 4]}, None),
        ("g/raw", {"element_size_um": [0, 0.004, 0.004]}, (None, 4, 4)),
        ("g/raw", {"resolution": [np.nan, 4, 4]}, (None, 4, 4)),
        ("g/raw", {"pixel_size_nm": [4, 4], "section_thickness": "unknown"}, (None, 4, 4)),
        ("g/raw", {"resolution": [40, 4, 4], "units": "pixel"}, None),
        ("g/raw", {"resolution": [40, 4, 4], "units": ["pixel", "nm", "nm"]}, (None, 4, 4)),
        ("g/raw", {"resolution": [40, -4, 4]}, None),
        ("g/raw", {"element_size_um": [1.0, 1e9, 1.0]}, None),
        ("g/raw", {}, None),
    ],
)
def test_voxel_size(path: Path, place: str, attributes: dict[str, object], expected: VoxelSize | None) -> None:
    with h5py.File(path, "w") as file:
        file["g/raw"] = VOLUME
        file[place].attrs.update(attributes)
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == expected


@pytest.mark.parametrize(
    "attributes", [{"resolution": [4, 4, 40]}, {"element_size_um": [0.004, 0.004, 0.04]}], ids=["java", "microns"]
)
def test_a_voxel_size_in_x_y_z_is_turned_and_reported(path: Path, attributes: dict[str, object]) -> None:
    with h5py.File(path, "w") as file:
        file["raw"] = VOLUME
        file["raw"].attrs.update(attributes)
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == (40, 4, 4)
        assert "read as 4 nm pixels, 40 nm sections" in stack.facts.warnings[0]


@pytest.mark.parametrize(
    ("shape", "resolution"),
    [((40, 30, 20), (4, 4, 40)), ((20, 30, 40), (40, 4, 8)), ((20, 30, 40), (5, 9, 40))],
    ids=["sections may be last", "unequal either way", "unequal in any order"],
)
def test_a_voxel_size_of_doubtful_order_stays_as_it_is_stated(
    path: Path, shape: tuple[int, int, int], resolution: tuple[int, int, int]
) -> None:
    with h5py.File(path, "w") as file:
        file["raw"] = np.ones(shape, np.uint8)
        file["raw"].attrs["resolution"] = resolution
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == resolution
        assert not stack.facts.warnings


def test_imaris_padding_is_cut_and_its_extent_read(path: Path) -> None:
    def letters(text: str) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
        return np.array([letter.encode() for letter in text], "S1")

    padded = np.zeros((32, 32, 64), np.uint8)
    padded[:20, :30, :40] = VOLUME
    with h5py.File(path, "w") as file:
        file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0/Data"] = padded
        file["DataSet/ResolutionLevel 1/TimePoint 0/Channel 0/Data"] = padded[::2]
        channel = file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0"]
        image = file.create_group("DataSetInfo/Image")
        for axis, length in zip("ZYX", VOLUME.shape, strict=True):
            channel.attrs[f"ImageSize{axis}"] = letters(str(length))
        for index, extent in enumerate(("0.2", "0.12", "0.6")):
            image.attrs[f"ExtMin{index}"] = letters("0")
            image.attrs[f"ExtMax{index}"] = letters(extent)
        image.attrs["Unit"] = letters("um")
    assert np.array_equal(read(path), VOLUME)
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == pytest.approx((30, 4, 5))


@pytest.mark.parametrize("keys", ["zyx", "xyz", "yxz", "tyx"])
def test_axes_are_read_in_the_order_that_axistags_say(path: Path, keys: str) -> None:
    stored = VOLUME.transpose(["zyx".index(key.replace("t", "z")) for key in keys])
    with h5py.File(path, "w") as file:
        file["exported_data"] = stored
        file["exported_data"].attrs["axistags"] = axistags(keys)
    assert np.array_equal(read(path), VOLUME)


@pytest.mark.parametrize(
    ("units", "expected"),
    [({"z": "nm", "y": "nm", "x": "nm"}, (25, 16.5, 16.5)), ({"y": "nm", "x": "nm"}, (None, 16.5, 16.5)), ({}, None)],
)
def test_ilastik_states_sizes_in_its_axistags(path: Path, units: dict[str, str], expected: VoxelSize | None) -> None:
    with h5py.File(path, "w") as file:
        file["exported_data"] = VOLUME[..., None]
        file["exported_data"].attrs["axistags"] = axistags("zyxc", z=25.0, y=16.5, x=16.5)
        file["exported_data"].attrs["axis_units"] = json.dumps(units)
    with open_stack(path) as stack:
        assert stack.facts.voxel_size_nm == expected


def axistags(keys: str, **resolution: float) -> str:
    """Return `axistags` as ilastik writes them."""
    return json.dumps({"axes": [{"key": key, "typeFlags": 2, "resolution": resolution.get(key, 0)} for key in keys]})
