"""Voxel sizes as files state them."""

from __future__ import annotations

import math

import pytest

from emstream.readers.voxel_units import LARGEST_NM, SMALLEST_NM, plausible_voxel_size, unit_nm


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nm", 1),
        (" Micron ", 1000),
        ("µm", 1000),
        ("μm", 1000),
        ("\\u00B5m", 1000),
        ("Å", 0.1),
        ("\u212b", 0.1),
        ("inch", 2.54e7),
        ("pixel", None),
        ("", None),
    ],
)
def test_units_are_lengths_however_they_are_spelled(unit: str, nm: float | None) -> None:
    assert unit_nm(unit) == nm


def test_plausible_sizes_stay_and_others_are_unknown() -> None:
    assert plausible_voxel_size((50, 5, 5)) == (50, 5, 5)
    assert plausible_voxel_size((SMALLEST_NM, SMALLEST_NM, LARGEST_NM)) == (SMALLEST_NM, SMALLEST_NM, LARGEST_NM)
    assert plausible_voxel_size((0, 5, 5)) == (0, 5, 5)
    assert plausible_voxel_size((math.inf, 5, 5)) == (0, 5, 5)


@pytest.mark.parametrize("pixel", [0.0, -1.0, math.nan, LARGEST_NM * 1.01])
def test_without_a_plausible_pixel_nothing_is_known(pixel: float) -> None:
    assert plausible_voxel_size((50, pixel, 5)) is None
    assert plausible_voxel_size((50, 5, pixel)) is None


def test_a_format_may_have_a_smaller_limit_and_sizes_have_7_digits() -> None:
    assert plausible_voxel_size((50, 20, 20), largest_nm=10) is None
    assert plausible_voxel_size((50, 4.00000001, 4)) == (50, 4, 4)
