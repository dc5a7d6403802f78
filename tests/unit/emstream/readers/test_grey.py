"""Grey values of colours, palettes, transparent and inverted pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import ColourImage
from emstream.readers.grey import (
    CHANNEL_TOLERANCE,
    full_range,
    grey_from_colour,
    grey_from_palette,
    inverted,
    without_transparent,
)


@given(values=st.lists(st.integers(0, 255), min_size=1, max_size=600))
def test_equal_channels_give_their_own_value(values: list[int]) -> None:
    grey = np.array(values, np.uint8)[:, None]
    assert (grey_from_colour(np.repeat(grey[..., None], 3, axis=2), "a") == grey).all()


def test_channels_within_the_tolerance_give_their_rounded_mean() -> None:
    colour = np.array([[[100, 104, 100 + CHANNEL_TOLERANCE]]], np.uint8)
    assert grey_from_colour(colour, "a").tolist() == [[104]]
    assert grey_from_colour(colour.astype(np.uint16) * 257, "a").tolist() == [[104 * 257]]


def test_one_coloured_pixel_in_a_thousand_passes_and_two_do_not() -> None:
    colour = np.zeros((10, 100, 3), np.uint8)
    colour[0, 0] = 255, 0, 0
    assert grey_from_colour(colour, "a")[0, 0] == 85
    colour[0, 1] = 0, 255, 0
    with pytest.raises(ColourImage, match=r"a.png is a colour picture: .* differ in 0.2% of the pixels"):
        grey_from_colour(colour, "a.png")


def test_colours_of_floats_are_refused() -> None:
    with pytest.raises(ColourImage, match="type float32"):
        grey_from_colour(np.zeros((1, 1, 3), np.float32), "a")


def test_palettes_are_looked_up_and_entries_beyond_them_are_black() -> None:
    palette = np.array([[10, 10, 10], [200, 201, 202]], np.uint8)
    assert grey_from_palette(np.array([[0, 1, 9]], np.uint8), palette, None, "a").tolist() == [[10, 201, 0]]


def test_transparent_entries_are_black_whatever_their_colour() -> None:
    palette = np.array([[255, 0, 0], [9, 9, 9]], np.uint8)
    indices, opaque = np.array([[0, 1]], np.uint8), np.array([False, True])
    assert grey_from_palette(indices, palette, opaque, "a").tolist() == [[0, 9]]
    with pytest.raises(ColourImage):
        grey_from_palette(indices, palette, None, "a")


def test_only_wholly_transparent_pixels_become_black() -> None:
    assert without_transparent(np.array([5, 6, 7], np.uint16), np.array([0, 1, 65535], np.uint16)).tolist() == [0, 6, 7]


@pytest.mark.parametrize(
    ("values", "bits", "expected"),
    [
        (np.array([True, False]), 1, [False, True]),
        (np.array([0, 255], np.uint8), 8, [255, 0]),
        (np.array([0, 4095], np.uint16), 12, [4095, 0]),
        (np.array([-128, 127], np.int8), 8, [127, -128]),
        (np.array([-1.5, 2], np.float32), 32, [1.5, -2]),
    ],
)
def test_inverting_swaps_the_ends(values: Any, bits: int, expected: list[object]) -> None:
    found = inverted(values, bits)
    assert found.tolist() == expected
    assert found.dtype == values.dtype


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_spread_over_all_grey_values(bits: int) -> None:
    found = full_range(np.arange(2**bits, dtype=np.uint8), bits)
    assert (found[0], found[-1]) == (0, 255)
    assert len(set(np.diff(found.astype(int)))) == 1


def test_8_bits_and_more_stay_as_they_are() -> None:
    values = np.array([1, 2], np.uint16)
    assert full_range(values, 12) is values
