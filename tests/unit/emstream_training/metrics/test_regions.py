"""Region measures on sections small enough to draw: `#` is membrane."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.errors import ShapeError
from emstream_training.metrics.regions import RegionErrors, mean_errors, region_errors


def drawn(*rows: str) -> NDArray[np.bool_]:
    return np.array([[letter == "#" for letter in row] for row in rows])


TWO = drawn(
    "....#....",
    "....#....",
)
ONE = np.zeros((2, 9), bool)
ALL = np.ones((2, 9), bool)


@pytest.fixture(autouse=True)
def _scikit_image() -> None:
    pytest.importorskip("skimage", reason="region measures need scikit-image")


def errors(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> RegionErrors:
    found = region_errors(mask, truth)
    assert found is not None
    return found


def test_equal_regions_have_no_error() -> None:
    found = errors(TWO, TWO)
    assert found == RegionErrors(0, 0, 0, 0)
    assert found.variation_of_information == 0


def test_a_wider_membrane_that_separates_the_same_costs_nothing_after_thinning() -> None:
    wide = drawn("...###...", "...###...")
    found = errors(wide, TWO)
    assert (found.adapted_rand_thinned, found.variation_of_information) == (0, 0)
    assert found.adapted_rand > 0.2


def test_a_missing_membrane_is_a_merge() -> None:
    """16 pixels count, 8 and 8. Pairs: 2 * 8 * 7 in the truth, all of them found; 16 * 15 in the mask."""
    found = errors(ONE, TWO)
    assert found.adapted_rand_thinned == pytest.approx(1 - 2 * 112 / (112 + 240))
    assert found.adapted_rand == found.adapted_rand_thinned
    assert found.split == 0
    assert found.merge == pytest.approx(1)  # bit: in which half a pixel is


def test_a_needless_membrane_is_a_split() -> None:
    """18 pixels are one region; the mask's membrane, grown over, leaves 10 and 8 of them, or 8 and 10."""
    found = errors(TWO, ONE)
    assert found.adapted_rand_thinned == pytest.approx(1 - 2 * (90 + 56) / (90 + 56 + 18 * 17))
    share = np.array([10, 8]) / 18
    assert found.split == pytest.approx(-(share * np.log2(share)).sum())
    assert found.merge == 0


def test_a_section_of_nothing_but_membrane_is_one_region() -> None:
    assert errors(ALL, TWO).adapted_rand_thinned == errors(ONE, TWO).adapted_rand_thinned


def test_pixels_that_touch_by_corners_separate() -> None:
    staircase = drawn("...#", "..#.", ".#..", "#...")
    assert errors(staircase, staircase).adapted_rand_thinned == 0
    assert errors(np.zeros((4, 4), bool), staircase).merge > 0.9


def test_a_truth_without_regions_has_no_error_to_tell() -> None:
    assert region_errors(ONE, ALL) is None
    assert region_errors(ONE, drawn("########.", "#########")) is None


def test_pixels_that_do_not_count_do_not_count() -> None:
    """Where the membrane is missing nothing counts but the left half: one region in both."""
    counted = np.zeros((2, 9), bool)
    counted[:, :4] = True
    assert region_errors(ONE, TWO, counted) == RegionErrors(0, 0, 0, 0)
    assert region_errors(ONE, TWO, ~ALL) is None


def test_the_mean_is_over_the_sections_that_have_regions() -> None:
    assert mean_errors([RegionErrors(0, 0.25, 1, 2), None, RegionErrors(0.5, 0.75, 3, 4)]) == (
        RegionErrors(0.25, 0.5, 2, 3)
    )
    assert mean_errors([None]) is None


def test_shapes_must_agree() -> None:
    with pytest.raises(ShapeError):
        region_errors(ONE, TWO[:, :4])
