"""Writes a report: report.html, report.pdf, report.json and the figures as PNG."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emstream.volume.files import write_bytes
from emstream_training.report import tables
from emstream_training.report.document import Document
from emstream_training.report.drawing import to_png
from emstream_training.report.figures import draw_all
from emstream_training.report.learning import Curve
from emstream_training.report.measure import Measured
from emstream_training.report.pdf import make_pdf
from emstream_training.report.summary import summarise
from emstream_training.report.web_page import make_page


@dataclass(frozen=True, slots=True)
class Making:
    """Origin of a report. machine: engine and computer in words; settings: for the pages; facts: for report.json."""

    machine: str
    settings: Mapping[str, str]
    facts: Mapping[str, object]


def write_report(measured: Measured, curves: Sequence[Curve], making: Making, output: Path) -> None:
    """Write all files into `output`, each in one step. Raises DiskFull."""
    document = Document(
        title=f"Accuracy for {measured.sections.object}",
        lead=_lead(measured),
        drawings=tuple(draw_all(measured, curves, making.machine)),
        tables=(tables.totals(measured), tables.checkpoints(measured), tables.settings(making.settings)),
    )
    pictures = {drawing.key: to_png(drawing) for drawing in document.drawings}
    for key, png in pictures.items():
        write_bytes(output / "figures" / f"{key}.png", png)
    write_bytes(output / "report.html", make_page(document, pictures).encode())
    write_bytes(output / "report.pdf", make_pdf(document))
    numbers = summarise(measured, curves, making.facts)
    write_bytes(output / "report.json", (json.dumps(numbers, indent=1) + "\n").encode())


def _lead(measured: Measured) -> str:
    score = measured.tallies[measured.main.name].score
    depth = measured.sections.shape_zyx[0]
    return (
        f"On {depth} labelled section{'s' * (depth != 1)}, {measured.main.name} finds {100 * score['recall']:.0f} % of "
        f"the voxels of {measured.sections.object}, and {100 * score['precision']:.0f} % of the voxels it marks are "
        f"right: F1 {score['f1']:.3f}, IoU {score['iou']:.3f}."
    )
