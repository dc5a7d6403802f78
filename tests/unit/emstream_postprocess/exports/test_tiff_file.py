"""TIFF exports: one volume is one stack, several are a ZIP of stacks, read back by tifffile."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from emstream_postprocess.exports.tiff_file import write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import (
    PROVENANCE,
    Counter,
    exported,
    some_colours,
    some_labels,
    some_mask,
)


@pytest.mark.parametrize("voxels", [some_mask(), some_labels(most=60_000)], ids=["mask", "labels"])
def test_one_volume_is_one_stack_announced_strip_by_strip(tmp_path: Path, voxels: NDArray[Any]) -> None:
    count = Counter()
    write(tmp_path / "a.tif", [exported(voxels)], PROVENANCE, count)
    assert (tifffile.imread(tmp_path / "a.tif") == voxels).all()
    assert count.strips == 2 * 2  # two sections of 520 rows


def test_colours_stay_colours(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", [exported(some_colours())], PROVENANCE, Counter())
    assert (tifffile.imread(tmp_path / "a.tif") == some_colours()).all()


def test_several_volumes_are_stacks_in_one_archive_and_nothing_else_is_left(tmp_path: Path) -> None:
    volumes = {"cells/mask": some_mask((2, 20, 30)), "walls/mask": some_mask((2, 20, 30))[:, ::-1]}
    write(tmp_path / "a.zip.part", [exported(v, name) for name, v in volumes.items()], PROVENANCE, Counter())
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip.part"]
    with zipfile.ZipFile(tmp_path / "a.zip.part") as file:
        for name, voxels in volumes.items():
            content = file.read(f"{name.replace('/', '_')}.tif")
            assert (tifffile.imread(io.BytesIO(content)) == voxels).all()


def test_a_writer_that_is_stopped_leaves_no_stack_next_to_the_archive(tmp_path: Path) -> None:
    def stop() -> None:
        raise InterruptedError

    volumes = [exported(some_mask((1, 20, 30)), name) for name in ("a", "b")]
    with pytest.raises(InterruptedError):
        write(tmp_path / "a.zip.part", volumes, PROVENANCE, stop)
    assert [path.name for path in tmp_path.iterdir() if ".one." in path.name] == []


def test_the_voxel_size_is_in_the_file(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", [exported(some_mask((2, 20, 30)))], PROVENANCE, Counter())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        metadata = file.imagej_metadata
        assert metadata is not None
        assert metadata["spacing"] == pytest.approx(0.05)
        resolution = file.pages[0].tags["XResolution"].value
        assert resolution[0] / resolution[1] == pytest.approx(1 / 0.008, rel=1e-6)
        assert json.dumps("rat 7")[1:-1] in str(metadata)
        assert np.asarray(file.asarray()).shape == (2, 20, 30)
