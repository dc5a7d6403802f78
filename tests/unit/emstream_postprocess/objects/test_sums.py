"""Sums of pieces: small blocks added up by hand, and rows merged in any order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emstream.volume.geometry import Box
from emstream_postprocess.objects.blocks import label_block
from emstream_postprocess.objects.sums import SINGLE_PASS, SUMS, Table, empty_table, merge, sum_block
from tests.unit.emstream_postprocess.objects.test_pieces import layers_of, random_volume


def table_of(seed: int, count: int) -> Table:
    probability = random_volume((3, 12, 4 * count), seed, 0.2)
    return sum_block(label_block(layers_of(probability), Box((0, 0, 0), probability.shape)), 0, (12, 4 * count), None)


def test_one_run_is_added_up_where_the_slab_is_in_the_volume() -> None:
    probability = np.zeros((1, 4, 8), np.uint8)
    probability[0, 2, 3:6] = 200
    row = sum_block(label_block(layers_of(probability), Box((0, 0, 0), (1, 4, 8))), 10, (4, 8), None)[0]
    assert (row["voxels"], row["first"]) == (3, (10 * 4 + 2) * 8 + 3)
    assert (row["start"].tolist(), row["stop"].tolist()) == ([10, 2, 3], [11, 3, 6])
    assert row["sums"].tolist() == [30, 6, 3 + 4 + 5]
    assert row["products"].tolist() == [300, 12, 9 + 16 + 25, 60, 120, 24]
    assert (row["probability"], row["uncertainty"]) == (600, 3 * int(SINGLE_PASS[200]))


def test_a_stored_spread_is_the_uncertainty() -> None:
    probability = np.full((1, 2, 3), 255, np.uint8)
    spread = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    row = sum_block(label_block(layers_of(probability), Box((0, 0, 0), (1, 2, 3))), 0, (2, 3), spread)[0]
    assert row["uncertainty"] == 15


def test_a_piece_without_a_voxel_in_the_core_changes_nothing() -> None:
    probability = np.zeros((1, 4, 8), np.uint8)
    probability[0, 0, 4] = 255  # the neighbour's core, which this block labels too
    block = label_block(layers_of(probability), Box((0, 0, 0), (1, 4, 4)))
    assert block.count == 1
    assert (sum_block(block, 0, (4, 8), None) == empty_table(1)).all()


def test_a_sure_voxel_has_no_uncertainty_and_an_even_one_has_all() -> None:
    assert SINGLE_PASS[[0, 255]].tolist() == [0, 0]
    assert SINGLE_PASS[[127, 128]].tolist() == [255, 255]
    assert SINGLE_PASS.tolist() == SINGLE_PASS.tolist()[::-1]


@given(st.integers(0, 1000))
def test_merging_does_not_depend_on_the_order_of_rows(seed: int) -> None:
    table = table_of(seed, 5)
    owner = np.random.default_rng(seed).integers(0, 4, len(table))
    order = np.random.default_rng(seed + 1).permutation(len(table))
    assert (merge(table, owner, 4) == merge(table[order], owner[order], 4)).all()


@given(st.integers(0, 1000))
def test_merging_in_two_steps_is_merging_in_one(seed: int) -> None:
    table = table_of(seed, 5)
    half = len(table) // 2
    parts = [merge(part, np.zeros(len(part), np.int64), 1) for part in (table[:half], table[half:])]
    twice = merge(np.concatenate(parts), np.zeros(2, np.int64), 1)
    assert (twice == merge(table, np.zeros(len(table), np.int64), 1)).all()


def test_an_owner_of_no_rows_has_an_empty_row() -> None:
    row = np.zeros(1, SUMS)
    row["voxels"] = 5
    merged = merge(row, np.array([2]), 4)
    assert merged["voxels"].tolist() == [0, 0, 5, 0]
    assert merged[0] == empty_table(1)[0]
