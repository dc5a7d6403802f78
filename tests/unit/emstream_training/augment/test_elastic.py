"""Deformations: one field for sections and label, and nothing folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emstream_training.augment import augment
from emstream_training.augment.augment import LARGEST_MOVE, deform
from emstream_training.data.layers import IGNORE

SIDE = 96


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_sections_and_label_move_together(seed: int) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(y - SIDE / 2, x - SIDE / 2) < 25
    image = np.stack([disc * np.uint8(200)] * 3)
    moved, label = deform(image, disc.astype(np.uint8), np.random.default_rng(seed))
    assert moved.dtype == label.dtype == np.uint8
    assert moved.shape == image.shape
    assert all(np.array_equal(plane, moved[0]) for plane in moved)
    assert ((moved[0] > 100) == (label == 1)).mean() > 0.98


def test_labels_keep_their_values_and_most_of_their_area() -> None:
    label = np.zeros((SIDE, SIDE), np.uint8)
    label[20:60, 30:70], label[80:] = 1, IGNORE
    _, moved = deform(np.zeros((1, SIDE, SIDE), np.uint8), label, np.random.default_rng(5))
    assert set(np.unique(moved)) == {0, 1, IGNORE}
    assert 0.6 < (moved == 1).sum() / (label == 1).sum() < 1.6


@pytest.mark.parametrize("side", [64, 512])
def test_fields_are_smooth_small_and_do_not_fold(side: int) -> None:
    for seed in range(5):
        field = augment._field(side, np.random.default_rng(seed))
        assert 0.5 < np.abs(field).max() < 1.6 * LARGEST_MOVE  # bicubic goes a little beyond its nodes
        assert max(np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1)) < 1
