"""Decoys: dark, unlabelled, and the same for the same draw."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emstream_training.augment.decoys import add_decoys

SIDE = 96


def patch(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    image = random.integers(60, 220, (3, SIDE, SIDE)).astype(np.uint8)
    return image, (random.random((SIDE, SIDE)) < 0.5).astype(np.uint8)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_decoys_only_ever_take_labels_away(seed: int) -> None:
    image, label = patch(seed)
    changed, relabelled = add_decoys(image, label, np.random.default_rng(seed))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert not (relabelled > label).any()
    untouched = changed[1] == image[1]
    assert (relabelled == label)[untouched].mean() > 0.9  # grain can come out as the value that was there


def test_what_is_drawn_depends_on_the_generator_alone() -> None:
    image, label = patch(1)
    first, second = (add_decoys(image, label, np.random.default_rng(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_a_decoy_is_dark_and_goes_on_in_the_next_section() -> None:
    image, label = patch(3)
    label[:] = 1
    seeds = range(200)
    drawn = (add_decoys(image, label, np.random.default_rng(seed)) for seed in seeds)
    changed, relabelled = next((a, b) for a, b in drawn if 0.05 < (b == 0).mean() < 0.3)
    decoy = relabelled == 0
    for plane in changed:
        assert plane[decoy].mean() < plane[~decoy].mean() - 20
