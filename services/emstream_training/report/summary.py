"""All numbers of a report, for JSON: the numbers behind every figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypedDict

from emstream.models.checkpoint import Checkpoint
from emstream_training.metrics.evaluate import Score, score_of
from emstream_training.report.candidates import Candidate
from emstream_training.report.learning import Curve
from emstream_training.report.measure import Measured, Robustness
from emstream_training.report.run_time import fit_line
from emstream_training.report.scores import Tally


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
