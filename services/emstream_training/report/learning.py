"""Curves of a report: training curves from `curve.csv`, and run time against image size."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.errors import DamagedFile, InputUnreadable


@dataclass(frozen=True, slots=True)
class Validation:
    """One row: scores of the network after a step. loss: mean of the steps before it."""

    step: float
    loss: float
    f1: float
    precision: float
    recall: float


COLUMNS = tuple(field.name for field in fields(Validation))
"""Columns that the file must have; others are not read."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The validations of one training. name: of its folder."""

    name: str
    rows: tuple[Validation, ...]

    @property
    def best(self) -> Validation:
        """The first validation with the highest F1."""
        return max(self.rows, key=lambda row: row.f1)

    def columns(self) -> dict[str, list[float]]:
        """Return the values of each column of COLUMNS."""
        return {name: [asdict(row)[name] for row in self.rows] for name in COLUMNS}


def read_curves(paths: Sequence[Path]) -> list[Curve]:
    """Return one curve per file, named after its folder. Raises InputUnreadable for a missing file, DamagedFile."""
    names = [path.resolve().parent.name for path in paths]
    return [
        Curve(name if names.count(name) == 1 else str(path), _rows(path))
        for name, path in zip(names, paths, strict=True)
    ]


def _rows(path: Path) -> tuple[Validation, ...]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = tuple(Validation(*(float(row[column]) for column in COLUMNS)) for row in reader)
    except OSError as error:
        raise InputUnreadable(
            f"{path} cannot be read ({error.strerror}): give the curve.csv that `emstream train` wrote"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(
            f"{path} is not a training curve ({error}): it must have the columns {', '.join(COLUMNS)} with a number in "
            "each row. Give the curve.csv that `emstream train` wrote"
        ) from error
    if not rows:
        raise DamagedFile(
            f"{path} has no rows yet: wait for the first validation of the training, or leave out --curve"
        )
    return rows


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
