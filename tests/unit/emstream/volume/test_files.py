"""Volumes: planes survive every codec; a published file never changes; a full disk has its sentence."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import DiskFull, ShapeError, VolumeDamaged
from emstream.volume.files import (
    Planes,
    Pyramid,
    created,
    disk_full_named,
    halve,
    opened,
    publishing,
    resample,
    write_bytes,
)
from emstream.volume.geometry import Box


@pytest.mark.parametrize("codec", ["none", "zstd", "zstd-fast", "gzip"])
@pytest.mark.parametrize("size", [(1, 1), (11, 17), (512, 512), (513, 700)])
def test_planes_come_back_as_written(tmp_path: Path, codec: str, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    planes = random.integers(0, 255, (3, *size), dtype=np.uint8)
    with created(tmp_path / "a.h5") as file:
        stored = Planes.create(file, "x/y", planes.shape, codec)
        for z, plane in enumerate(planes):
            stored.write(z, plane)
    with opened(tmp_path / "a.h5") as file:
        stored = Planes.open(file, "x/y")
        assert codec.startswith(stored.codec)  # the level of compression is the writer's alone
        assert (np.stack([stored.read(z) for z in range(3)]) == planes).all()


@pytest.mark.parametrize("codec", ["none", "zstd"])
@given(
    corner=st.tuples(st.integers(0, 1), st.integers(0, 599), st.integers(0, 1099)),
    size=st.tuples(st.integers(1, 2), st.integers(1, 600), st.integers(1, 1100)),
    level=st.integers(0, 4),
)
def test_any_box_comes_back_as_written_and_as_every_nth_pixel(
    tmp_path_factory: pytest.TempPathFactory,
    codec: str,
    corner: tuple[int, int, int],
    size: tuple[int, int, int],
    level: int,
) -> None:
    shape, step = (2, 600, 1100), 1 << level
    labels = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape) * np.uint32(2_654_435_761)
    path = tmp_path_factory.getbasetemp() / f"{codec}-labels.h5"
    if not path.exists():
        with created(path) as file:
            planes = Planes.create(file, "a/labels", shape, codec, np.uint32)
            for z, plane in enumerate(labels):
                planes.write(z, plane)
    start = (corner[0], corner[1] // step * step, corner[2] // step * step)
    stop = tuple(min(a + n, most) for a, n, most in zip(start, size, shape, strict=True))
    box = Box(start, (stop[0], stop[1], stop[2]))
    with opened(path) as file:
        found = Planes.open(file, "a/labels").read_box(box, step)
    thick, high, wide = box.slices
    assert (found == labels[thick, high, wide][:, ::step, ::step]).all()


def test_what_leaves_the_house_opens_with_plain_h5py(tmp_path: Path) -> None:
    plane = np.eye(700, dtype=np.uint8)
    with created(tmp_path / "a.h5") as file:
        Planes.create(file, "mask", (1, 700, 700), "gzip").write(0, plane)
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file["mask"][0] == plane).all()


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


def test_what_was_never_written_has_its_sentence(tmp_path: Path) -> None:
    with created(tmp_path / "a.h5") as file:
        planes = Planes.create(file, "a", (1, 600, 600), "zstd")
        with pytest.raises(VolumeDamaged):
            planes.read(0)
        with pytest.raises(VolumeDamaged, match="has no b"):
            Planes.open(file, "b")


def test_a_plane_of_another_size_is_refused(tmp_path: Path) -> None:
    with created(tmp_path / "a.h5") as file, pytest.raises(ShapeError):
        Planes.create(file, "x", (1, 5, 5)).write(0, np.zeros((4, 5), np.uint8))


def test_a_pyramid_halves_by_area_mean(tmp_path: Path) -> None:
    plane = np.tile(np.array([[0, 100], [100, 200]], np.uint8), (400, 300))
    with created(tmp_path / "a.h5") as file:
        Pyramid.create(file, "p", (1, 800, 600)).write(0, plane)
        assert sorted(file["p"]) == ["s0", "s1"]
        assert (file["p/s1"][0] == 100).all()
    assert halve(np.array([[1]], np.uint8)).tolist() == [[1]]


@pytest.mark.parametrize("size", [(600, 700), (1024, 513), (1537, 1100)])
def test_reductions_of_a_stored_plane_are_those_of_the_plane(tmp_path: Path, size: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    with created(tmp_path / "a.h5") as file:
        stored = Pyramid.create(file, "x", (1, *size))
        stored.levels[0].write(0, plane)
        stored.put(0, stored.encode_reductions_of(0))
        whole = np.asarray(Image.fromarray(plane).reduce(2))
        for level in stored.levels[1:]:
            assert (level.read(0) == whole).all()
            whole = np.asarray(Image.fromarray(whole).reduce(2))


def test_resampling_keeps_flat_regions_and_shapes() -> None:
    flat = np.full((100, 70), 33, np.uint8)
    assert (resample(flat, (51, 200)) == 33).all()
    assert resample(flat, (51, 200), smooth=True).shape == (51, 200)
    assert resample(flat, (100, 70)) is flat
