"""The learning curve: a row for each validation, in `curve.csv`, drawn in `curve.png`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from matplotlib.figure import Figure

from emstream.volume.files import write_bytes

PICTURE_INCHES = (8.0, 6.0)
"""Width and height of the picture of a curve."""


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
    """Rows of a training so far; files are replaced as a whole, so that they never hold half a row."""

    def __init__(self, folder: Path, step: int) -> None:
        """Read the rows up to `step`, from which the training resumes; later rows are dropped."""
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


def draw_curve(rows: Sequence[Row]) -> bytes:
    """Return a PNG of one or more validations: loss above, F1, precision and recall below, over the steps."""
    figure = Figure(PICTURE_INCHES, layout="constrained")
    losses, scores = figure.subplots(2, sharex=True)
    steps = [row.step for row in rows]
    losses.plot(steps, [row.loss for row in rows], marker=".", color="black")
    losses.set_ylabel("training loss")
    for label, values in (
        ("F1", [row.f1 for row in rows]),
        ("precision", [row.precision for row in rows]),
        ("recall", [row.recall for row in rows]),
    ):
        scores.plot(steps, values, marker=".", label=label)
    best = max(rows, key=lambda row: row.f1)
    scores.annotate(f"{best.f1:.3f}", (best.step, best.f1), (0, 6), textcoords="offset points", ha="center")
    scores.set(ylim=(0, 1.05), xlabel="step", ylabel="on held-out sections")
    scores.legend(loc="lower right")
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()


def _read(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [Row(int(row["step"]), *(float(row[f.name]) for f in fields(Row)[1:])) for row in csv.DictReader(file)]
