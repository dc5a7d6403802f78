"""Slabs' files that are kept open: few at a time, opened again when they are replaced."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from emstream.errors import VolumeDamaged
from emstream_gateway.storage.tiles import SlabFiles


def write(path: Path, value: int) -> Path:
    part = path.with_suffix(".part")
    with h5py.File(part, "w") as file:
        file["value"] = value
    part.replace(path)
    return path


def value_of(file: h5py.File) -> int:
    return int(file["value"][()])


def test_the_least_recently_read_file_is_closed(tmp_path: Path) -> None:
    slabs = SlabFiles(most=2)
    seen: list[h5py.File] = []
    paths = [write(tmp_path / f"{n}.h5", n) for n in range(3)]
    for path in (paths[0], paths[1], paths[0], paths[2]):
        slabs.read(path, seen.append)
    assert [bool(file) for file in seen] == [True, False, True, True]
    slabs.close()
    assert not any(seen)


def test_a_replaced_file_is_opened_again(tmp_path: Path) -> None:
    slabs, path = SlabFiles(), write(tmp_path / "0.h5", 1)
    assert slabs.read(path, value_of) == 1
    write(path, 2)
    assert slabs.read(path, value_of) == 2
    slabs.close()


def test_files_of_one_folder_are_closed_alone(tmp_path: Path) -> None:
    slabs = SlabFiles()
    seen: list[h5py.File] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        slabs.read(write(tmp_path / name / "0.h5", 0), seen.append)
    slabs.drop(tmp_path / "a")
    assert [bool(file) for file in seen] == [False, True]
    slabs.close()


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SlabFiles().read(tmp_path / "0.h5", value_of)
    (tmp_path / "0.h5").write_bytes(b"no HDF5")
    with pytest.raises(VolumeDamaged, match=r"0\.h5 of the job is damaged: retry the job"):
        SlabFiles().read(tmp_path / "0.h5", value_of)
