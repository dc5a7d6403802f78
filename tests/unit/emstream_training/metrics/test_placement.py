"""Labels in another place are seen by what is in them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream_training.metrics.placement import Placement, agreement, picture

BOOL = NDArray[np.bool_]
TRUTH = np.zeros((6, 60, 60), bool)
for _z in range(len(TRUTH)):
    TRUTH[_z, 3:25, 8 * _z : 8 * _z + 14] = TRUTH[_z, 40:50, 5:9] = True


def note_on(found: BOOL, truth: BOOL) -> str:
    placement = Placement()
    for mask, true in zip(found, truth, strict=True):
        placement.see(mask, true)
    return placement.note()


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        (~TRUTH, "inverted"),
        (TRUTH[:, :, ::-1], "mirrored left to right"),
        (TRUTH[:, ::-1], "turned upside down"),
        (TRUTH[:, ::-1, ::-1], "turned by 180 degrees"),
        (TRUTH.transpose(0, 2, 1), "mirrored with x and y exchanged"),
        (TRUTH[::-1], "in reverse order of the sections"),
        (np.roll(TRUTH, -1, axis=0), "moved by one section towards the end"),
        (np.roll(TRUTH, 1, axis=0), "moved by one section towards the beginning"),
    ],
)
def test_labels_in_another_place_are_reported(truth: BOOL, words: str) -> None:
    assert f"if they are {words} (agreement" in note_on(TRUTH, truth)


def test_labels_in_place_are_not_reported_even_if_masks_are_poor() -> None:
    random = np.random.default_rng(0)
    assert note_on(TRUTH, TRUTH) == ""
    assert note_on(TRUTH & (random.random(TRUTH.shape) < 0.3), TRUTH) == ""
    assert note_on(np.zeros_like(TRUTH), TRUTH) == ""
    assert note_on(random.random(TRUTH.shape) < 0.1, TRUTH) == ""
    assert Placement().note() == ""


def test_x_and_y_are_exchanged_in_squares_only() -> None:
    assert "x and y" not in note_on(TRUTH[:, :, :30], TRUTH.transpose(0, 2, 1)[:, :, :30])


def test_a_picture_has_the_share_of_each_part() -> None:
    section = np.zeros((96, 6), bool)
    section[:2, 0] = section[2, 1] = True
    found = picture(section)
    assert found.shape == (48, 6)
    assert (found[0, 0], found[1, 1], found.sum()) == (1, 0.5, 1.5)


def test_agreement_is_the_dice_coefficient() -> None:
    one, other = np.array([1, 1, 0, 0], np.float32), np.array([0, 1, 1, 0], np.float32)
    assert (agreement(one, one), agreement(one, other), agreement(one * 0, one * 0)) == (1, 0.5, 0)
