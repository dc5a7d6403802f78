"""All numbers of a report as JSON: nothing that a figure shows is missing here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from emstream_training.metrics.evaluate import score_of
from emstream_training.report.candidates import Candidate
from emstream_training.report.learning import COLUMNS, Curve
from emstream_training.report.measure import Measured, Robustness
from emstream_training.report.run_time import fit_line
from emstream_training.report.scores import Tally

EMPTY = np.empty(0)


def summarise(measured: Measured, curves: Sequence[Curve], facts: Mapping[str, object]) -> dict[str, object]:
    """Return what report.json holds. facts: how it was made (version, settings, fingerprint, command)."""
    line = fit_line(measured.timings)
    members = {member.name: member for candidate in measured.candidates for member in candidate.members}
    return {
        **facts,
        "object": measured.sections.object,
        "shape_zyx": measured.sections.shape_zyx,
        "checkpoints": {
            name: _checkpoint(m.checkpoint.header.network, m.checkpoint.sha256) for name, m in members.items()
        },
        "main": measured.main.name,
        "scores": {c.name: _scores(c, measured.tallies[c.name]) for c in measured.candidates},
        "examples": [{"rank": e.rank, "section": e.z, "f1": round(e.counts.f1, 6)} for e in measured.examples],
        "robustness": {r.corruption.key: _robustness(r) for r in measured.robustness},
        "run_time": [dataclasses.asdict(timing) for timing in measured.timings],
        "run_time_line": None if line is None else dataclasses.asdict(line),
        "training": {curve.name: {name: curve.column(name) for name in COLUMNS} for curve in curves},
    }


def _checkpoint(network: str, sha256: str) -> dict[str, str]:
    return {"network": network, "sha256": sha256}


def _scores(candidate: Candidate, tally: Tally) -> dict[str, object]:
    total = tally.total
    precision, recall = total.curve() if total.positives.any() else (EMPTY, EMPTY)
    return {
        "family": candidate.family,
        "kind": candidate.kind,
        "members": {member.name: member.weight for member in candidate.members},
        "threshold": candidate.threshold,
        "total": tally.score,
        "sections": [score_of(h.confusion(tally.level), h) for h in tally.sections],
        "curve": {"precision": precision.round(6).tolist(), "recall": recall.round(6).tolist()},
    }


def _robustness(found: Robustness) -> dict[str, object]:
    numbers: dict[str, object] = {name: tally.score for name, tally in found.tallies.items()}
    if found.others is not None:
        numbers |= {"other_sections": {name: tally.score for name, tally in found.others.items()}}
    return numbers
