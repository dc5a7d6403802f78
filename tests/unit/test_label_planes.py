"""Labels on disk: any box of them, thinned or not, is what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import ShapeError, VolumeDamaged
from emstream.geometry import Box
from emstream.label_planes import LabelPlanes, made_for
from emstream.volume import created, opened

SHAPE = (2, 600, 1100)


def labels() -> np.ndarray[tuple[int, ...], np.dtype[np.uint32]]:
    return np.arange(np.prod(SHAPE), dtype=np.uint32).reshape(SHAPE) * np.uint32(2_654_435_761)


@given(
    corner=st.tuples(st.integers(0, 1), st.integers(0, 599), st.integers(0, 1099)),
    size=st.tuples(st.integers(1, 2), st.integers(1, 600), st.integers(1, 1100)),
    level=st.integers(0, 4),
)
def test_any_box_comes_back_as_written_and_as_every_nth_pixel(
    tmp_path_factory: pytest.TempPathFactory, corner: tuple[int, int, int], size: tuple[int, int, int], level: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.h5"
    if not path.exists():
        with created(path) as file:
            planes = LabelPlanes.create(file, "a/labels", SHAPE)
            for z, plane in enumerate(labels()):
                planes.write(z, plane)
    step = 1 << level
    start = (corner[0], corner[1] // step * step, corner[2] // step * step)
    stop = tuple(min(a + n, most) for a, n, most in zip(start, size, SHAPE, strict=True))
    box = Box(start, (stop[0], stop[1], stop[2]))
    with opened(path) as file:
        found = LabelPlanes.open(file, "a/labels").read_box(box, step)
    thick, high, wide = box.slices
    assert (found == labels()[thick, high, wide][:, ::step, ::step]).all()


def test_what_is_missing_or_does_not_fit_is_told(tmp_path: Path) -> None:
    with created(tmp_path / "a.h5") as file:
        planes = LabelPlanes.create(file, "a/labels", SHAPE)
        with pytest.raises(ShapeError):
            planes.write(0, np.zeros((3, 3), np.uint32))
        with pytest.raises(VolumeDamaged):
            planes.read_box(Box((0, 0, 0), (1, 10, 10)))
        with pytest.raises(VolumeDamaged, match="has no b/labels"):
            LabelPlanes.open(file, "b/labels")
        assert made_for(file) == ""
