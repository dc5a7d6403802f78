"""Geometry: cores cover once, read boxes keep their shape and lattice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import ShapeError
from emstream.volume.geometry import Box, Slab, Tiling, plan_packages, plan_slabs, pyramid_levels

sides = st.integers(1, 3000)


@given(size=st.tuples(sides, sides), halo=st.integers(0, 10), core=st.sampled_from([64, 256, 1024]))
def test_cores_cover_every_pixel_exactly_once(size: tuple[int, int], halo: int, core: int) -> None:
    tiling = Tiling(size, halo * 32, 32, core)
    rows = np.zeros(size[0], int)
    columns = np.zeros(size[1], int)
    down, across = tiling.blocks_yx
    for row in range(down):
        (y, _), (y_stop, _) = tiling.core_at(row, 0)
        rows[y:y_stop] += 1
    for column in range(across):
        (_, x), (_, x_stop) = tiling.core_at(0, column)
        columns[x:x_stop] += 1
    assert (rows == 1).all()
    assert (columns == 1).all()


@given(size=st.tuples(sides, sides), halo=st.integers(0, 10), core=st.sampled_from([64, 256, 1024]))
def test_read_boxes_have_one_shape_lie_on_the_lattice_and_hold_their_core_and_halo(
    size: tuple[int, int], halo: int, core: int
) -> None:
    tiling = Tiling(size, halo * 32, 32, core)
    slab = Slab(0, 0, 3, 3)
    for package in plan_packages(slab, 0, tiling, 0):
        read, inner = package.read_box, package.core_box
        assert read.shape[1:] == tiling.read_yx
        assert all(start % 32 == 0 and start >= 0 for start in read.start[1:])
        assert all(stop <= limit for stop, limit in zip(read.stop[1:], tiling.padded_yx, strict=True))
        assert all(side % 32 == 0 for side in read.shape[1:])
        for axis in (1, 2):
            limit = tiling.padded_yx[axis - 1]
            assert read.start[axis] <= max(inner.start[axis] - halo * 32, 0)
            assert read.stop[axis] >= min(inner.stop[axis] + halo * 32, limit)


@given(depth=st.integers(1, 300), sections=st.integers(1, 64))
def test_slabs_cover_every_section_exactly_once(depth: int, sections: int) -> None:
    slabs = plan_slabs(depth, sections)
    covered = [z for slab in slabs for z in range(slab.z_start, slab.z_stop)]
    assert covered == list(range(depth))
    assert [slab.index for slab in slabs] == list(range(len(slabs)))


def test_halo_sections_repeat_the_end_section_beyond_the_stack() -> None:
    first, second = plan_slabs(33, 32)
    assert first.halo_above() == [0, 0]
    assert first.halo_below() == [32, 32]
    assert second.halo_above() == [30, 31]
    assert second.halo_below() == [32, 32]


def test_small_sections_are_padded_to_one_window() -> None:
    tiling = Tiling((1, 1), 64, 32, 1024)
    assert tiling.padded_yx == (1024, 1024)
    assert tiling.read_yx == (1024, 1024)
    assert tiling.blocks_yx == (1, 1)


def test_a_paper_sized_section_has_160_packages() -> None:
    assert Tiling((10000, 16000), 64, 32, 1024).blocks_yx == (10, 16)


@given(size=st.tuples(sides, sides))
def test_a_pyramid_ends_at_512_pixels(size: tuple[int, int]) -> None:
    side = max(size)
    for _ in range(pyramid_levels(size) - 1):
        assert side > 512
        side = -(-side // 2)
    assert side <= 512


def test_boxes_and_tilings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ShapeError, match="must not stop before it starts"):
        Box((0, 0, 5), (1, 1, 4))
    with pytest.raises(ShapeError, match="multiples of 32"):
        Tiling((100, 100), 33, 32, 1024)
    with pytest.raises(ShapeError, match="at least one pixel"):
        Tiling((0, 100), 32, 32, 1024)
