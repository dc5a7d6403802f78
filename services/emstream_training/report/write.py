"""Writes a report: report.html, report.pdf, report.json and the figures as PNG."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from emstream.models.checkpoint import Checkpoint
from emstream.volume.files import write_bytes
from emstream_training.metrics.evaluate import Score, score_of
from emstream_training.report import tables
from emstream_training.report.candidates import Candidate
from emstream_training.report.drawing import to_png
from emstream_training.report.figures import draw_all
from emstream_training.report.learning import Curve, fit_line
from emstream_training.report.measure import Measured, Robustness
from emstream_training.report.pages import make_page, make_pdf
from emstream_training.report.scores import Tally
from emstream_training.report.tables import Document


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


class CheckpointSummary(TypedDict):
    """Identity of a checkpoint."""

    network: str
    sha256: str


class CandidateSummary(TypedDict):
    """Scores of a candidate. members: weight by checkpoint; curve: precision and recall of every level, 0 to 255."""

    family: str
    kind: str
    members: dict[str, int]
    threshold: float
    total: Score
    sections: list[Score]
    curve: dict[str, list[float]]


def summarise(measured: Measured, curves: Sequence[Curve], facts: Mapping[str, object]) -> dict[str, object]:
    """Return the content of report.json. facts: its origin (version, settings, fingerprint, command)."""
    line = fit_line(measured.timings)
    members = {member.name: member for candidate in measured.candidates for member in candidate.members}
    return {
        **facts,
        "object": measured.sections.object,
        "shape_zyx": measured.sections.shape_zyx,
        "checkpoints": {name: _checkpoint(member.checkpoint) for name, member in members.items()},
        "main": measured.main.name,
        "scores": {c.name: _scores(c, measured.tallies[c.name]) for c in measured.candidates},
        "examples": [{"rank": e.rank, "section": e.z, "f1": round(e.counts.f1, 6)} for e in measured.examples],
        "robustness": {r.corruption.key: _robustness(r) for r in measured.robustness},
        "run_time": [dataclasses.asdict(timing) for timing in measured.timings],
        "run_time_line": None if line is None else dataclasses.asdict(line),
        "training": {curve.name: curve.columns() for curve in curves},
    }


def _checkpoint(checkpoint: Checkpoint) -> CheckpointSummary:
    return {"network": checkpoint.header.network, "sha256": checkpoint.sha256}


def _scores(candidate: Candidate, tally: Tally) -> CandidateSummary:
    total = tally.total
    curves = total.curve() if total.positives.any() else ()
    precision, recall = (curve.round(6).tolist() for curve in curves) if curves else ([], [])
    return {
        "family": candidate.family,
        "kind": candidate.kind,
        "members": {member.name: member.weight for member in candidate.members},
        "threshold": candidate.threshold,
        "total": tally.score,
        "sections": [score_of(h.confusion(tally.level), h) for h in tally.sections],
        "curve": {"precision": precision, "recall": recall},
    }


def _robustness(found: Robustness) -> dict[str, Score | dict[str, Score]]:
    numbers: dict[str, Score | dict[str, Score]] = {name: tally.score for name, tally in found.tallies.items()}
    if found.others is not None:
        numbers["other_sections"] = {name: tally.score for name, tally in found.others.items()}
    return numbers
