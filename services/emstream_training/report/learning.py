"""Training curves as `emstream train` writes them: `curve.csv`, one row per validation."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

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
