"""Voxel sizes: as files state them, in words, unknown in part, and doubtful."""

from __future__ import annotations

import math

import pytest

from emstream.volume.voxel_size import (
    LARGEST_NM,
    SMALLEST_NM,
    VoxelSize,
    doubt_about,
    in_micrometres,
    known_size,
    plausible_voxel_size,
    unit_nm,
    voxel_in_words,
    voxel_size_given,
)


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
    assert plausible_voxel_size((0, 5, 5)) == (None, 5, 5)
    assert plausible_voxel_size((math.inf, 5, 5)) == (None, 5, 5)


@pytest.mark.parametrize("pixel", [0.0, -1.0, math.nan, LARGEST_NM * 1.01])
def test_without_a_plausible_pixel_nothing_is_known(pixel: float) -> None:
    assert plausible_voxel_size((50, pixel, 5)) is None
    assert plausible_voxel_size((50, 5, pixel)) is None


def test_a_format_may_have_a_smaller_limit_and_sizes_have_7_digits() -> None:
    assert plausible_voxel_size((50, 20, 20), largest_nm=10) is None
    assert plausible_voxel_size((50, 4.00000001, 4)) == (50, 4, 4)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((40, 5.9, 5.9), "5.9 nm pixels, 40 nm sections"),
        ((40, 4, 8), "8 x 4 nm pixels, 40 nm sections"),
        ((None, 5.5, 5.5), "5.5 nm pixels, sections of unknown thickness"),
        ((33.333333, 5.00001, 5.00001), "5 nm pixels, 33.33 nm sections"),
        (None, "voxel size unknown"),
    ],
)
def test_sizes_are_worded_as_on_the_page(size: VoxelSize | None, words: str) -> None:
    assert voxel_in_words(size) == words


def test_a_size_without_thickness_is_not_all_known() -> None:
    assert known_size((None, 5, 5)) is None
    assert known_size((40, 5, 5)) == (40, 5, 5)
    assert known_size(None) is None
    assert in_micrometres((None, 5, 8)) == (None, 0.005, 0.008)
    assert in_micrometres((40, 5, 5)) == (0.04, 0.005, 0.005)


def test_a_thickness_alone_is_no_voxel_size() -> None:
    assert voxel_size_given((40, None, None)) is None
    assert voxel_size_given((None, 5, 5)) == (None, 5, 5)
    assert voxel_size_given(None) is None


@pytest.mark.parametrize("size", [(40, 5, 5), (None, 5, 5), (40, 4, 6), (5, 5, 5), (40, 6, 4)])
def test_pixels_that_are_nearly_square_are_believed(size: VoxelSize) -> None:
    assert doubt_about(size) is None


def test_x_y_z_is_questioned_with_both_readings_and_both_ways_out() -> None:
    doubt = doubt_about((5.5, 5.5, 30))
    assert doubt is not None
    assert "means 30 x 5.5 nm pixels, 5.5 nm sections" in doubt
    assert "so 5.5 nm pixels, 30 nm sections, give --pixel-size 5.5 --section-thickness 30" in doubt
    assert "confirm it with --pixel-size 5.5,30 --section-thickness 5.5" in doubt


@pytest.mark.parametrize("size", [(None, 5, 30), (100, 5, 30)])
def test_sizes_without_another_reading_are_questioned_without_it(size: VoxelSize) -> None:
    doubt = doubt_about(size)
    assert doubt is not None
    assert "x, y, z" not in doubt
    assert "confirm it with --pixel-size 5,30" in doubt
