"""Run time: mirrored sections, and the line through the times."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream_training.report.learning import Timing, fit_line, mirrored


@given(
    st.lists(st.integers(100, 5000), min_size=2, max_size=6, unique=True),
    st.floats(-5, 5),
    st.floats(0.1, 20),
)
def test_a_straight_line_is_found(sides: list[int], intercept: float, slope: float) -> None:
    line = fit_line([Timing(side, 1, intercept + slope * side * side / 1e6) for side in sides])
    assert line is not None
    assert line.slope_s_per_mpx == pytest.approx(slope, rel=1e-4, abs=1e-6)
    assert line.intercept_s == pytest.approx(intercept, abs=1e-4)
    assert line.r_squared == pytest.approx(1)


def test_what_lies_off_the_line_lowers_r_squared() -> None:
    timings = [Timing(1000, 1, 1.0), Timing(2000, 4, 9.0), Timing(3000, 9, 9.0)]
    line = fit_line(timings)
    slope, intercept = np.polyfit([1, 4, 9], [1, 9, 9], 1)
    correlation = np.corrcoef([1, 4, 9], [1, 9, 9])[0, 1]
    assert line is not None
    assert (line.slope_s_per_mpx, line.intercept_s) == pytest.approx((slope, intercept))
    assert line.r_squared == pytest.approx(correlation**2)


def test_one_size_makes_no_line() -> None:
    assert fit_line([]) is None
    assert fit_line([Timing(1024, 1, 3.0)]) is None


def test_a_section_is_continued_by_its_mirror_image() -> None:
    section = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert np.array_equal(mirrored(section, 5), section[:, :5])
    assert np.array_equal(mirrored(section, 20), np.pad(section, ((0, 15), (0, 13)), mode="symmetric"))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 30))
def test_a_mirrored_section_is_a_part_of_the_padded_one(height: int, width: int, side: int) -> None:
    section = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    padded = np.pad(section, ((0, side), (0, side)), mode="symmetric")
    assert np.array_equal(mirrored(section, side), padded[:side, :side])


def test_equal_times_are_explained_by_a_level_line() -> None:
    line = fit_line([Timing(1000, 1, 2.0), Timing(2000, 4, 2.0)])
    assert line is not None
    assert (line.slope_s_per_mpx, line.intercept_s, line.r_squared) == (0, 2, 1)
    assert Timing(3000, 9, 1.0).megapixels == 9
