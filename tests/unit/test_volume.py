"""Volumes: planes survive every codec; a published file never changes; a full disk has its sentence."""

from __future__ import annotations

import errno
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import DiskFull, ShapeError, VolumeDamaged
from emstream.geometry import Box
from emstream.volume import Planes, Pyramid, created, disk_full_named, halve, opened, publishing, resample, write_bytes


@pytest.mark.parametrize("codec", ["none", "zstd", "gzip"])
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
        assert stored.codec == codec
        assert (np.stack([stored.read(z) for z in range(3)]) == planes).all()


@given(
    start=st.tuples(st.integers(0, 599), st.integers(0, 699)), size=st.tuples(st.integers(1, 600), st.integers(1, 700))
)
def test_any_box_of_compressed_chunks_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, start: tuple[int, int], size: tuple[int, int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "boxes.h5"
    plane = (np.arange(600 * 700) % 251).astype(np.uint8).reshape(600, 700)
    if not path.exists():
        with created(path) as file:
            Planes.create(file, "x", (1, 600, 700), "zstd").write(0, plane)
    (y, x), (height, width) = start, size
    box = Box((0, y, x), (1, min(y + height, 600), min(x + width, 700)))
    with opened(path) as file:
        assert (Planes.open(file, "x").read_box(box)[0] == plane[box.slices[1:]]).all()


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


def test_a_damaged_file_has_its_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    with pytest.raises(VolumeDamaged, match="delete it"), opened(tmp_path / "a.h5"):
        pass


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


def test_resampling_keeps_flat_regions_and_shapes() -> None:
    flat = np.full((100, 70), 33, np.uint8)
    assert (resample(flat, (51, 200)) == 33).all()
    assert resample(flat, (51, 200), smooth=True).shape == (51, 200)
    assert resample(flat, (100, 70)) is flat
