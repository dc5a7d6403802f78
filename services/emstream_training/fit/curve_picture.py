"""The learning curve as a picture: loss, and F1, precision and recall, over the steps."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from emstream_training.fit.curve import Row

SIZE_INCHES = (8.0, 6.0)


def draw_curve(rows: Sequence[Row]) -> bytes:
    """Return a PNG of one or more validations."""
    figure = Figure(SIZE_INCHES, layout="constrained")
    losses, scores = figure.subplots(2, sharex=True)
    steps = [row.step for row in rows]
    losses.plot(steps, [row.loss for row in rows], marker=".", color="black")
    losses.set_ylabel("training loss")
    for name in ("f1", "precision", "recall"):
        scores.plot(steps, [getattr(row, name) for row in rows], marker=".", label="F1" if name == "f1" else name)
    best = max(rows, key=lambda row: row.f1)
    scores.annotate(f"{best.f1:.3f}", (best.step, best.f1), (0, 6), textcoords="offset points", ha="center")
    scores.set(ylim=(0, 1.05), xlabel="step", ylabel="on the sections held out")
    scores.legend(loc="lower right")
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()
