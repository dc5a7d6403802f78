"""Boxes of a chunked dataset cover it once, with few chunks decoded twice."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.readers.hdf5 import reader as hdf5_boxes
from emstream.readers.hdf5.reader import ChunkGrid


@pytest.mark.parametrize(("depth", "fewest", "most"), [(1, 50, 64), (64, 20, 28), (400, 4, 4)])
def test_sampling_64_sections_decodes_few_bands_spread_over_the_stack(depth: int, fewest: int, most: int) -> None:
    grid = ChunkGrid((400, 10_000, 16_000), (depth, 64, 64), 1)
    bands = [(round(z) // depth, grid.sample_rows(round(z)).start) for z in np.linspace(0, 399, 64)]
    assert fewest <= len({start for _, start in bands})
    assert depth == 1 or len(set(bands)) <= most
    assert all(start % 64 == 0 and start < 10_000 for _, start in bands)


GRIDS = st.builds(
    ChunkGrid,
    st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 30)),
    st.tuples(st.integers(1, 12), st.integers(1, 20), st.integers(1, 30)),
    st.sampled_from([1, 2, 4]),
)


@given(GRIDS, st.integers(1, 6), st.integers(1, 20_000))
def test_slabs_of_whole_chunks_read_each_chunk_once_and_keep_to_the_budget(
    grid: ChunkGrid, layers: int, budget: int
) -> None:
    depth, rows, _ = grid.chunk
    touched: Counter[tuple[int, int]] = Counter()
    before = hdf5_boxes.BUDGET_BYTES
    hdf5_boxes.BUDGET_BYTES = budget
    try:
        step = layers * depth
        boxes = [box for z in range(0, grid.shape[0], step) for box in grid.boxes(z, min(z + step, grid.shape[0]))]
    finally:
        hdf5_boxes.BUDGET_BYTES = before
    for z, y in boxes:
        size = (z.stop - z.start) * (y.stop - y.start) * grid.shape[2] * grid.itemsize
        assert size <= max(budget, depth * rows * grid.shape[2] * grid.itemsize)
        touched.update(
            product(range(z.start // depth, -(-z.stop // depth)), range(y.start // rows, -(-y.stop // rows)))
        )
    assert set(touched.values()) == {1}
    assert len(touched) == -(-grid.shape[0] // depth) * -(-grid.shape[1] // rows)


@given(GRIDS, st.data())
def test_any_range_of_sections_is_covered_once(grid: ChunkGrid, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, grid.shape[0] - 1))
    stop = data.draw(st.integers(start + 1, grid.shape[0]))
    seen = np.zeros(grid.shape[:2], int)
    for z, y in grid.boxes(start, stop):
        seen[z, y] += 1
    assert (seen[start:stop] == 1).all()
    assert not seen[:start].any()
    assert not seen[stop:].any()
