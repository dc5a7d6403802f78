"""Run time against image size: square sections of any size from one section, and a line through the times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UINT8 = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Timing:
    """One measurement. side: of the square section in pixels; packages: number of packages that it was cut into."""

    side: int
    packages: int
    seconds: float

    @property
    def megapixels(self) -> float:
        """Size of the section in megapixels."""
        return self.side * self.side / 1e6


@dataclass(frozen=True, slots=True)
class Line:
    """seconds = intercept_s + slope_s_per_mpx * megapixels; r_squared: share of the variance that the line explains."""

    slope_s_per_mpx: float
    intercept_s: float
    r_squared: float


def mirrored(section: UINT8, side: int) -> UINT8:
    """Return a section (side, side) that continues `section` (y, x) by mirroring, or is its upper left part.

    >>> mirrored(np.array([[1, 2], [3, 4]], np.uint8), 4)[0].tolist()
    [1, 2, 2, 1]
    """
    rows, columns = (_there_and_back(length, side) for length in section.shape)
    square: UINT8 = section[np.ix_(rows, columns)]
    return square


def fit_line(timings: Sequence[Timing]) -> Line | None:
    """Return the least-squares line through the times, or None for fewer than two sizes.

    >>> line = fit_line([Timing(1000, 1, 3.0), Timing(2000, 4, 9.0), Timing(3000, 9, 19.0)])
    >>> [round(value, 6) for value in (line.slope_s_per_mpx, line.intercept_s, line.r_squared)]
    [2.0, 1.0, 1.0]
    """
    sizes = np.array([timing.megapixels for timing in timings])
    seconds = np.array([timing.seconds for timing in timings])
    if np.unique(sizes).size < 2:
        return None
    centred = sizes - sizes.mean()
    slope = float(centred @ (seconds - seconds.mean()) / (centred @ centred))
    intercept = float(seconds.mean() - slope * sizes.mean())
    spread = float(np.sum((seconds - seconds.mean()) ** 2))
    left_over = float(np.sum((seconds - intercept - slope * sizes) ** 2))
    return Line(slope, intercept, 1 - left_over / spread if spread else 1.0)


def _there_and_back(length: int, wanted: int) -> NDArray[np.intp]:
    places = np.arange(wanted) % (2 * length)
    return np.minimum(places, 2 * length - 1 - places)
