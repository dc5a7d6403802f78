"""The one entry to all readers: the same voxels from every format, and clear words for everything else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image

from emstream.errors import (
    DamagedFile,
    DatasetNotFound,
    EmptyInput,
    InputUnreadable,
    TooLarge,
    UnsupportedFormat,
)
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey

RNG = np.random.default_rng(6)
VOLUME = RNG.integers(0, 60000, (7, 33, 47)).astype(np.uint16)


def save(kind: str, folder: Path) -> Path:
    """Write VOLUME in a format, under a name that says nothing."""
    path = folder / "upload"
    match kind:
        case "folder":
            path.mkdir()
            for z, section in enumerate(VOLUME):
                Image.fromarray(section).save(path / f"section{z}.png")
        case "tiff":
            tifffile.imwrite(path, VOLUME, compression="zlib", tile=(16, 16))
        case "hdf5":
            with h5py.File(path, "w") as file:
                file.create_dataset("raw", data=VOLUME, chunks=(4, 8, 16), compression="gzip")
        case "hdf5 behind a user block":
            with h5py.File(path, "w", userblock_size=512) as file:
                file["raw"] = VOLUME
        case "mrc":
            with mrcfile.new(path) as mrc:
                mrc.set_data(VOLUME)
    return path


def read(path: Path, z_start: int, z_stop: int) -> Grey:
    with open_stack(path) as stack:
        _, height, width = stack.facts.shape_zyx
        values = np.zeros((z_stop - z_start, height, width), stack.facts.dtype)
        for rows in stack.blocks(z_start, z_stop):
            depth, count, _ = rows.values.shape
            values[rows.z - z_start : rows.z - z_start + depth, rows.y : rows.y + count] = rows.values
    return values


@pytest.mark.parametrize("kind", ["folder", "tiff", "hdf5", "hdf5 behind a user block", "mrc"])
def test_every_format_gives_the_same_voxels(tmp_path: Path, kind: str) -> None:
    path = save(kind, tmp_path)
    assert np.array_equal(read(path, 0, 7), VOLUME)
    assert np.array_equal(read(path, 2, 5), VOLUME[2:5])
    with open_stack(path) as stack:
        assert stack.facts.shape_zyx == VOLUME.shape
        assert stack.facts.dtype == np.uint16
        assert len(stack.facts.names) == 7
        assert stack.facts.source
        sample = stack.sample(3)
        assert sample.shape[1] == 47
        stack.close()


@pytest.mark.parametrize("kind", ["tiff", "hdf5", "mrc"])
def test_a_folder_with_one_stack_file_is_that_stack(tmp_path: Path, kind: str) -> None:
    path = save(kind, tmp_path)
    path.rename(tmp_path / "renamed")
    (tmp_path / "readme.txt").write_text("about the stack")
    assert np.array_equal(read(tmp_path, 0, 7), VOLUME)


def test_a_folder_with_several_stack_files_is_refused(tmp_path: Path) -> None:
    save("hdf5", tmp_path).rename(tmp_path / "a.h5")
    save("mrc", tmp_path).rename(tmp_path / "b.mrc")
    with pytest.raises(UnsupportedFormat, match=r"2 stack files \(a\.h5, b\.mrc\)"):
        open_stack(tmp_path)


def test_missing_empty_and_unknown_inputs_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match=r"nowhere does not exist; give a folder of PNG"):
        open_stack(tmp_path / "nowhere")
    (tmp_path / "zero.tif").touch()
    with pytest.raises(EmptyInput, match=r"zero\.tif is empty"):
        open_stack(tmp_path / "zero.tif")
    (tmp_path / "slides.pdf").write_bytes(b"%PDF-1.7 " * 200)
    with pytest.raises(UnsupportedFormat, match=r"slides\.pdf .*TIFF stack, HDF5, MRC"):
        open_stack(tmp_path / "slides.pdf")
    (tmp_path / "v.h5").write_bytes(b"words " * 200)
    with pytest.raises(DamagedFile, match=r"v\.h5 does not hold what its name says"):
        open_stack(tmp_path / "v.h5")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputUnreadable, match="neither a file nor a folder"):
        open_stack(tmp_path / "pipe")


def test_stacks_beyond_the_allowed_size_are_refused(tmp_path: Path) -> None:
    path = save("tiff", tmp_path)
    open_stack(path, max_voxels=VOLUME.size).close()
    with pytest.raises(TooLarge, match=r"7 x 33 x 47 voxels.*at most 10856 are"):
        open_stack(path, max_voxels=VOLUME.size - 1)


@pytest.mark.parametrize("kind", ["folder", "tiff", "mrc"])
def test_a_dataset_is_asked_of_hdf5_only(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DatasetNotFound, match="leave out --dataset"):
        open_stack(save(kind, tmp_path), dataset="raw")


def test_opening_loads_no_format_library_before_it_is_needed() -> None:
    code = (
        "import sys, emstream.readers.open_stack; "
        "print([m for m in ('tifffile', 'mrcfile', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
