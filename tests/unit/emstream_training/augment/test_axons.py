"""Axons: a dark sheath around a pale course, in which mitochondria of the patch are drawn and labelled."""

from __future__ import annotations

import numpy as np
import pytest

from emstream_training.augment.axons import add_axon
from emstream_training.data.layers import IGNORE

SIDE = 256


def patch(has_mitochondria: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return grey tissue with grain, some of it pale, in it black rods of 60 x 16."""
    random = np.random.default_rng(5)
    image = random.normal(150, 10, (3, SIDE, SIDE))
    image[:, :, ::2] += 20
    label = np.zeros((SIDE, SIDE), np.uint8)
    if has_mitochondria:
        for y, x in ((20, 20), (100, 150), (200, 60)):
            image[:, y : y + 60, x : x + 16] = random.normal(70, 5, (3, min(60, SIDE - y), 16))
            label[y : y + 60, x : x + 16] = 1
    return image.clip(0, 255).astype(np.uint8), label


def drawn(seed: int, has_mitochondria: bool = True) -> tuple[np.ndarray, np.ndarray]:
    return add_axon(*patch(has_mitochondria), np.random.default_rng(seed))


def test_the_same_draw_gives_the_same_axon_and_the_patch_stays() -> None:
    image, label = patch()
    first, second = (add_axon(image, label, np.random.default_rng(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (image == patch()[0]).all()
    assert first[0].shape == image.shape
    assert first[0].dtype == first[1].dtype == np.uint8
    assert set(np.unique(first[1])) <= {0, 1}


def test_what_is_covered_is_labelled_again_and_the_rest_is_as_before() -> None:
    image, label = patch()
    label[:] = IGNORE
    for seed in range(20):
        changed, relabelled = add_axon(image, label, np.random.default_rng(seed))
        covered = relabelled == 0
        assert covered.mean() > 0.02
        assert set(np.unique(relabelled)) == {0, IGNORE}  # nothing to move
        assert (changed[1] == image[1])[~covered].mean() > 0.8  # the edge fades out


def test_mitochondria_in_the_axon_are_dark_and_labelled_where_they_are() -> None:
    before, after = [], []
    for seed in range(30):
        changed, relabelled = drawn(seed)
        _, label = patch()
        moved = (relabelled == 1) & (label == 0)
        if moved.sum() > 200:
            before.append(patch()[0][1][moved].mean())
            after.append(changed[1][moved].mean())
    assert len(after) >= 10
    assert np.mean(after) < np.mean(before) - 50
    assert np.mean(after) < 100


@pytest.mark.parametrize("section", [0, 1, 2])
def test_a_sheath_is_dark_and_its_inside_pale_in_every_section(section: int) -> None:
    for seed in range(10):
        changed, relabelled = drawn(seed, has_mitochondria=False)
        image, _ = patch(has_mitochondria=False)
        values = changed[section][changed[section] != image[section]]
        assert np.percentile(values, 5) < 140 < np.percentile(values, 95)
        assert not relabelled.any()
