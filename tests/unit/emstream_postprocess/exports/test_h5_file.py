"""HDF5 exports read back with plain h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest
from numpy.typing import NDArray

from emstream.readers.open_stack import open_stack
from emstream_postprocess.exports.h5_file import write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import (
    PROVENANCE,
    UNKNOWN_SIZE,
    UNKNOWN_THICKNESS,
    Counter,
    exported,
    some_colours,
    some_labels,
    some_mask,
)


@pytest.mark.parametrize("voxels", [some_mask(), some_labels(), some_colours()], ids=["mask", "labels", "colours"])
def test_voxels_come_back_with_their_meaning(tmp_path: Path, voxels: NDArray[Any]) -> None:
    count = Counter()
    write(tmp_path / "a.h5", [exported(voxels)], PROVENANCE, count)
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["cells/mask"]
        assert (dataset[...] == voxels).all()
        assert dataset.dtype == voxels.dtype
        assert dataset.attrs["axes"] == ("zyxc" if voxels.ndim == 4 else "zyx")
        assert dataset.attrs["meaning"] == "255 = cells"
        assert dataset.attrs["element_size_um"].tolist() == [0.05, 0.004, 0.008]
        assert dataset.attrs["offset"].tolist() == [100, 0, 0]
        assert file.attrs["emstream"] == PROVENANCE.text
    assert count.strips == 2 * -(-voxels.shape[1] // 512)


def test_empty_chunks_take_no_room_and_read_as_0(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", [exported(some_mask() * 0)], UNKNOWN_SIZE, Counter())
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["cells/mask"]
        assert dataset.id.get_num_chunks() == 0
        assert not dataset[...].any()
        assert "resolution" not in dataset.attrs


def test_without_a_section_thickness_the_pixel_is_stated_and_read_back(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", [exported(some_mask())], UNKNOWN_THICKNESS, Counter())
    with h5py.File(tmp_path / "a.h5") as file:
        assert not {"element_size_um", "resolution", "offset"} & set(file["cells/mask"].attrs)
        assert file["cells/mask"].attrs["section_thickness"] == "unknown"
    with open_stack(tmp_path / "a.h5") as stack:
        assert stack.facts.voxel_size_nm == (None, 4, 4)
