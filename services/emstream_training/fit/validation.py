"""Validation: scores of a network on held-out sections, and their rows as a curve in `curve.csv` and `curve.png`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from emstream.models.networks.serving import architecture
from emstream.volume.files import write_bytes
from emstream_training.data.labelled_files import LabelledStack, neighbours
from emstream_training.data.layers import IGNORE
from emstream_training.fit.device import autocast
from emstream_training.metrics.confusion import Confusion
from emstream_training.settings import TrainingSettings

UINT8 = NDArray[np.uint8]
LEVELS = range(64, 232, 8)
"""Levels (p = level / 255) that are tried as thresholds."""


def validate(
    network: nn.Module, held_out: Sequence[LabelledStack], settings: TrainingSettings
) -> tuple[Confusion, float]:
    """Return the threshold (0..1) with the best F1 over all held-out sections, after the counts at this threshold."""
    return best_level(chain.from_iterable(predict_stack(network, stack, settings) for stack in held_out))


def best_level(pairs: Iterable[tuple[UINT8, UINT8]]) -> tuple[Confusion, float]:
    """Return counts and threshold of the best F1; what is IGNORE does not count.

    pairs: probability (p = v / 255) and label (0, 1 or IGNORE), (y, x) uint8 each.
    """
    totals = [Confusion() for _ in LEVELS]
    for probability, label in pairs:
        truth, counted = label == 1, label != IGNORE
        found = [Confusion.of(probability >= level, truth, counted) for level in LEVELS]
        totals = [total + own for total, own in zip(totals, found, strict=True)]
    best = int(np.argmax([total.f1 for total in totals]))
    return totals[best], LEVELS[best] / 255


@torch.no_grad()
def predict_stack(
    network: nn.Module, stack: LabelledStack, settings: TrainingSettings
) -> Iterator[tuple[UINT8, UINT8]]:
    """Yield for each section its probability (h, w) uint8, p = v / 255, and its label (h, w) uint8.

    The network sees sections padded with zeros to the alignment.
    """
    network.eval()
    alignment = architecture(settings.network).aligned(settings.reduction)
    for z, label in enumerate(stack.labels):
        planes = np.stack(neighbours(stack, z, settings.sections))
        _, height, width = planes.shape
        padding = [(0, 0), (0, -height % alignment), (0, -width % alignment)]
        x = torch.from_numpy(np.pad(planes, padding))[None].to(settings.device).float()
        with autocast(settings):
            logits = network(x.contiguous(memory_format=torch.channels_last)).float()
        if settings.reduction > 1:
            logits = nn.functional.interpolate(logits, scale_factor=settings.reduction, mode="bilinear")
        yield (torch.sigmoid(logits) * 255).round().to(torch.uint8).cpu().numpy()[0, 0, :height, :width], label


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
