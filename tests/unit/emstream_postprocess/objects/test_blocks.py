"""Blocks of a slab: their cores tile it, their margins look beyond it, their numbers meet at the seams."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.volume.geometry import Box
from emstream_postprocess.objects.blocks import MARGIN, Layers, Seams, in_slab, label_block, plan_blocks, shared
from emstream_postprocess.objects.join import unite
from tests.unit.emstream_postprocess.objects.test_pieces import layers_of, random_volume

UINT8 = NDArray[np.uint8]


@given(st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)), st.integers(1, 17))
def test_cores_cover_every_voxel_exactly_once(shape: tuple[int, int, int], side: int) -> None:
    covered = np.zeros(shape, int)
    for core in plan_blocks(shape, side):
        assert max(core.shape[1:]) <= side
        covered[core.slices] += 1
    assert (covered == 1).all()


def test_blocks_come_rows_before_columns() -> None:
    assert [core.start for core in plan_blocks((2, 5, 9), 4)] == [(0, y, x) for y in (0, 4) for x in (0, 4, 8)]


def test_the_margin_is_structure_above_and_below_the_slab_and_background_beyond_the_section() -> None:
    block = label_block(layers_of(np.full((2, 6, 6), 200, np.uint8)), Box((0, 0, 0), (2, 6, 6)))
    assert block.mask.shape == (4, 10, 10)
    assert block.mask[[0, -1]].all()
    assert block.core_mask.all()
    beside = block.mask[1:-1].copy()
    beside[:, MARGIN:-MARGIN, MARGIN:-MARGIN] = False
    assert not beside.any()


def test_the_margin_shows_the_neighbouring_blocks_voxels() -> None:
    probability = random_volume((3, 20, 20), 1, 0.5)
    block = label_block(layers_of(probability), Box((0, 8, 8), (3, 12, 12)))
    assert (block.mask[1:-1] == (probability[:, 6:14, 6:14] >= 128)).all()
    assert (block.core_mask == (probability[:, 8:12, 8:12] >= 128)).all()
    assert (block.probability == probability[:, 8:12, 8:12]).all()


def test_one_row_and_column_of_the_neighbours_is_labelled_too() -> None:
    probability = np.full((1, 8, 8), 255, np.uint8)
    inner, last = (label_block(layers_of(probability), Box((0, a, a), (1, a + 4, a + 4))) for a in (0, 4))
    assert inner.labels.shape == (1, 5, 5)
    assert inner.core_labels.shape == (1, 4, 4)
    assert last.labels.shape == last.core_labels.shape == (1, 4, 4)  # at the slab's end there is no neighbour


def test_voxels_that_touch_at_a_corner_are_one_piece_but_profiles_are_two() -> None:
    probability = np.zeros((2, 4, 4), np.uint8)
    probability[0, 1, 1] = probability[1, 2, 2] = 255
    core = Box((0, 0, 0), (2, 4, 4))
    assert label_block(layers_of(probability), core).count == 1
    outline = np.full((1, 4, 4), 255, np.uint8)
    outline[0, 1, 1] = outline[0, 2, 2] = 0
    assert label_block(layers_of(outline, is_outline=True), Box((0, 0, 0), (1, 4, 4))).count == 2


def test_of_an_outline_the_probability_is_that_of_what_it_encloses() -> None:
    outline = np.array([[[255, 255, 255], [255, 10, 255], [255, 255, 255]]], np.uint8)
    block = label_block(layers_of(outline, is_outline=True), Box((0, 0, 0), (1, 3, 3)))
    assert block.probability[0, 1, 1] == 245
    assert block.core_labels[0].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_the_least_value_itself_is_structure() -> None:
    probability = np.array([[[99, 100, 101]]], np.uint8)
    block = label_block(Layers(probability.shape, lambda box: probability[box.slices], 100), Box((0, 0, 0), (1, 1, 3)))
    assert block.core_mask[0, 0].tolist() == [False, True, True]


def test_an_empty_block_has_no_pieces() -> None:
    block = label_block(layers_of(np.zeros((2, 3, 3), np.uint8)), Box((0, 0, 0), (2, 3, 3)))
    assert block.count == 0
    assert not block.labels.any()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 9), st.floats(0.05, 0.6))
def test_seams_unite_what_the_whole_slab_connects(seed: int, side: int, share: float) -> None:
    probability = random_volume((2, 11, 13), seed, share)
    labels, pairs, seams, first = np.zeros(probability.shape, np.uint32), [np.zeros((0, 2), np.int64)], Seams(), 1
    for core in plan_blocks(probability.shape, side):
        block = label_block(layers_of(probability), core)
        pairs.append(seams.join(block, first))
        labels[core.slices] = in_slab(block.core_labels, first)
        first += block.count
    united = np.concatenate([[0], unite(first - 1, np.concatenate(pairs) - 1) + 1])[labels]
    expected, count = cc3d.connected_components((probability >= 128).view(np.uint8), connectivity=26, return_N=True)
    assert len(np.unique(np.stack([united.ravel(), expected.ravel()]), axis=1).T) == count + (0 in expected)
    assert len(np.unique(united)) == count + (0 in expected)


def test_numbers_of_a_block_go_on_where_the_last_one_ended() -> None:
    assert in_slab(np.array([0, 1, 3], np.uint8), 7).tolist() == [0, 7, 9]
    assert in_slab(np.array([255], np.uint8), 10).tolist() == [264]  # as small as cc3d makes them, they do not wrap


@pytest.mark.parametrize("high", [1, 2**31, 2**32 - 1])
def test_shared_pairs_hold_for_every_number(high: int) -> None:
    one, other = np.array([high, high, 0], np.uint32), np.array([high, high, high], np.uint32)
    assert shared(one, other).tolist() == [[high, high]]
