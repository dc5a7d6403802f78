"""Training curves as `emstream train` writes them: `curve.csv`, one row per validation."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import DamagedFile, InputUnreadable

COLUMNS = ("step", "loss", "f1", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Curve:
    """One training. name: of the folder; rows: per validation the values of COLUMNS."""

    name: str
    rows: tuple[tuple[float, ...], ...]

    def column(self, name: str) -> list[float]:
        """Return one column's values."""
        return [row[COLUMNS.index(name)] for row in self.rows]


def read_curves(paths: Sequence[Path]) -> list[Curve]:
    """Return one curve per file, named by its folder. Raises InputUnreadable if there is none, DamagedFile."""
    names = [path.resolve().parent.name for path in paths]
    return [
        Curve(name if names.count(name) == 1 else str(path), _rows(path))
        for name, path in zip(names, paths, strict=True)
    ]


def _rows(path: Path) -> tuple[tuple[float, ...], ...]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = tuple(tuple(float(row[column]) for column in COLUMNS) for row in reader)
    except OSError as error:
        raise InputUnreadable(
            f"{path} cannot be read ({error.strerror}): give the curve.csv that `emstream train` wrote"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(
            f"{path} is no training curve ({error}): it must have the columns {', '.join(COLUMNS)} with a number in "
            "each row. Give the curve.csv that `emstream train` wrote"
        ) from error
    if not rows:
        raise DamagedFile(f"{path} has no rows yet: wait until the training has validated once, or leave out --curve")
    return rows
