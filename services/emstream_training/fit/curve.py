"""The learning curve: a row for each validation, in `curve.csv`, drawn in `curve.png`."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from emstream.volume.files import write_bytes
from emstream_training.fit.curve_picture import draw_curve


@dataclass(frozen=True, slots=True)
class Row:
    """One validation. loss: mean over the steps since the last; f1, precision, recall: at `threshold`, the best."""

    step: int
    loss: float
    f1: float
    precision: float
    recall: float
    threshold: float


class Curve:
    """The rows so far; the files are replaced as a whole, so that they never hold half a row."""

    def __init__(self, folder: Path, step: int) -> None:
        """Read the rows up to `step`, where the training goes on; what was written beyond it is dropped."""
        self._path, self._picture = folder / "curve.csv", folder / "curve.png"
        self.rows = [row for row in _read(self._path) if row.step <= step]

    def add(self, row: Row) -> None:
        """Add a row and write the files."""
        self.rows.append(row)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        write_bytes(self._path, text.getvalue().encode())
        write_bytes(self._picture, draw_curve(self.rows))


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [Row(int(row["step"]), *(float(row[f.name]) for f in fields(Row)[1:])) for row in csv.DictReader(file)]
