"""A published file never changes, and a full disk has its sentence."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.errors import DiskFull, VolumeDamaged
from emstream.volume.files import created, disk_full_named, opened, publishing, write_bytes
from emstream.volume.planes import Planes
from emstream.volume.pyramid import Pyramid


def test_the_first_published_file_wins_and_leaves_no_temporary(tmp_path: Path) -> None:
    final = tmp_path / "a"
    for content in (b"first", b"second"):
        with publishing(final) as part:
            part.write_bytes(content)
    assert final.read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_failed_writer_publishes_nothing(tmp_path: Path) -> None:
    def write_half() -> None:
        with publishing(tmp_path / "a") as part:
            part.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_records_are_replaced_in_one_step(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"1")
    write_bytes(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), OSError("Unable to write (file write failed: errno = 28)")]
)
def test_a_full_disk_has_its_sentence(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(DiskFull, match="free some, then run the same command again"), disk_full_named(tmp_path / "a"):
        raise error


@pytest.mark.parametrize("room", [0, 100, 5000, 300_000, 1_000_000])
def test_a_file_that_does_not_fit_leaves_hdf5_whole(tmp_path: Path, room: int) -> None:
    """HDF5 that fails to close a file ended the process at the next close of another."""
    planes = np.random.default_rng(0).integers(0, 255, (4, 700, 700), dtype=np.uint8)
    with created(tmp_path / "other.h5") as other:
        reader = Planes.create(other, "x", planes.shape, "none")
        for attempt in range(5):
            with pytest.raises(OSError, match="too large"), room_for(room):
                write_pyramid(tmp_path / f"{attempt}.h5", planes)
            reader.write(0, planes[0])
    with opened(tmp_path / "other.h5") as other:
        assert (Planes.open(other, "x").read(0) == planes[0]).all()


def test_what_does_not_fit_at_the_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too large"), room_for(0), created(tmp_path / "a.h5") as file:
        file.attrs["x"] = 1  # waits in HDF5 until the file is closed


def write_pyramid(path: Path, planes: NDArray[np.uint8]) -> None:
    with created(path) as file:
        pyramid = Pyramid.create(file, "x", planes.shape)
        for z, plane in enumerate(planes):
            pyramid.write(z, plane)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond this many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_damaged_file_has_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    with pytest.raises(VolumeDamaged, match="delete it"), opened(tmp_path / "a.h5"):
        pass
