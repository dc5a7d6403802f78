"""Planes survive every codec, whole and in boxes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import ShapeError, VolumeDamaged
from emstream.volume.files import created, opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes


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
