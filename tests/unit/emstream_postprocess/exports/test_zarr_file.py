"""OME-Zarr exports: metadata and chunks, read without a library."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from emstream_postprocess.exports.zarr_file import CHUNK, write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import (
    PROVENANCE,
    UNKNOWN_THICKNESS,
    Counter,
    exported,
    some_labels,
    some_mask,
)


def section(path: Path, level: int, z: int) -> NDArray[Any]:
    with zipfile.ZipFile(path) as file:
        facts = json.loads(file.read(f"{level}/zarr.json"))
        _, height, width = facts["shape"]
        whole = np.zeros((-(-height // CHUNK) * CHUNK, -(-width // CHUNK) * CHUNK), facts["data_type"])
        for name in file.namelist():
            if name.startswith(f"{level}/c/{z}/"):
                row, column = (int(part) for part in name.split("/")[3:])
                chunk = np.frombuffer(imagecodecs.zstd_decode(file.read(name)), whole.dtype).reshape(CHUNK, CHUNK)
                whole[row * CHUNK : (row + 1) * CHUNK, column * CHUNK : (column + 1) * CHUNK] = chunk
    return whole[:height, :width]


def test_every_level_comes_back(tmp_path: Path) -> None:
    labels, count = some_labels((2, 1100, 1030)), Counter()
    write(tmp_path / "a.zip", [exported(labels)], PROVENANCE, count)
    for level in range(3):
        for z in range(2):
            assert (section(tmp_path / "a.zip", level, z) == labels[z, :: 1 << level, :: 1 << level]).all()
    assert count.strips == 2 * 3  # of full size only


def test_pixels_of_a_level_are_in_the_middle_of_those_they_are_made_of(tmp_path: Path) -> None:
    write(tmp_path / "a.zip", [exported(some_labels((1, 600, 10)))], PROVENANCE, Counter())
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        attributes = json.loads(file.read("zarr.json"))["attributes"]
    [multiscale] = attributes["ome"]["multiscales"]
    scale, translation = multiscale["datasets"][1]["coordinateTransformations"]
    assert scale["scale"] == [50, 8, 16]
    assert translation["translation"] == [100, pytest.approx(2), pytest.approx(4)]
    assert [axis["name"] for axis in multiscale["axes"]] == ["z", "y", "x"]


def test_chunks_of_zeros_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a.zip", [exported(np.zeros((2, 20, 20), np.uint8))], PROVENANCE, Counter())
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.namelist() == ["zarr.json", "0/zarr.json"]


def test_without_a_section_thickness_z_has_no_unit_and_counts_sections(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr.zip", [exported(some_mask())], UNKNOWN_THICKNESS, Counter())
    with zipfile.ZipFile(tmp_path / "a.zarr.zip") as file:
        [multiscale] = json.loads(file.read("zarr.json"))["attributes"]["ome"]["multiscales"]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [None, "nanometer", "nanometer"]
    scale, translation = multiscale["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1, 4, 4]
    assert translation["translation"] == [2, 0, 0]
