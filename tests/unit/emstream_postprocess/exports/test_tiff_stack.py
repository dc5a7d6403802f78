"""Stacks written as TIFF open as what they were."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from emstream.readers.open_stack import open_stack
from emstream.volume.voxel_size import VoxelSize
from emstream_postprocess.exports.tiff_stack import TILE, TiffStack, write_tiff_stack

VOXEL_UM = (0.05, 0.004, 0.008)


def strips(volume: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for section in volume:
        for top in range(0, len(section), TILE):
            yield section[top : top + TILE]


def written(
    path: Path, volume: NDArray[Any], text: str = "", voxel_um: VoxelSize | None = VOXEL_UM
) -> tifffile.TiffFile:
    stack = TiffStack(volume.shape, volume.dtype, voxel_um, text, "cells/mask")
    write_tiff_stack(path, stack, strips(volume))
    return tifffile.TiffFile(path)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 513, 40), (3, 512, 600), (2, 20, 30, 3)])
def test_small_stacks_are_imagej_s_with_its_voxel_size(tmp_path: Path, shape: tuple[int, ...]) -> None:
    volume = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    with written(tmp_path / "a.tif", volume, "made by a test") as file:
        assert file.is_imagej
        assert (file.asarray().reshape(shape) == volume).all()
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["Info"] == "made by a test"
        assert file.imagej_metadata["spacing"] == 0.05
        numerator, denominator = file.pages[0].tags["YResolution"].value
        assert numerator / denominator == pytest.approx(1 / 0.004)


def test_numbers_of_objects_are_a_tiled_ome_tiff(tmp_path: Path) -> None:
    volume = np.arange(2 * 600 * 700, dtype=np.uint32).reshape(2, 600, 700)
    with written(tmp_path / "a.tif", volume) as file:
        assert file.is_ome
        assert not file.is_bigtiff
        assert (file.asarray() == volume).all()


@pytest.mark.parametrize("shape", [(3, 600, 700), (2, 30, 40, 3)])
def test_stacks_beyond_the_classic_limit_are_big(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr("emstream_postprocess.exports.tiff_stack.CLASSIC_TIFF_LIMIT", 1000)
    volume = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    with written(tmp_path / "a.tif", volume, "text") as file:
        assert file.is_bigtiff
        assert (file.asarray() == volume).all()
        assert 'PhysicalSizeX="0.008"' in str(file.ome_metadata)


def test_the_same_stack_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = np.eye(40, dtype=np.uint32)[None]
    for name in "ab":
        written(tmp_path / name, volume, "text").close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32], ids=["ImageJ", "OME"])
def test_an_unknown_section_thickness_is_left_out_and_read_back(tmp_path: Path, dtype: type[np.generic]) -> None:
    volume = np.arange(2 * 30 * 40, dtype=dtype).reshape(2, 30, 40)
    with written(tmp_path / "a.tif", volume, voxel_um=(None, 0.004, 0.004)) as file:
        if dtype is np.uint8:
            assert file.imagej_metadata is not None
            assert file.imagej_metadata["zunit"] == "pixel"  # ImageJ would say 1 µm
            assert "spacing" not in file.imagej_metadata
        else:
            assert "PhysicalSizeZ" not in str(file.ome_metadata)
    with open_stack(tmp_path / "a.tif") as stack:
        assert stack.facts.voxel_size_nm == (None, 4, 4)
