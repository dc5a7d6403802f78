"""Tiny reports for tests: checkpoints without files, and measurements of three small sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from emstream.models.checkpoint import Checkpoint, Header
from emstream_training.metrics.curves import Histograms
from emstream_training.report.candidates import Candidate, Member, candidates_of
from emstream_training.report.corruptions import CORRUPTIONS, MISSING
from emstream_training.report.drawing import Drawing
from emstream_training.report.learning import Timing
from emstream_training.report.measure import Measured, Robustness, Sections
from emstream_training.report.pages import ROWS_ON_A_PAGE
from emstream_training.report.scores import SectionPlanes, Tally, make_example, mean_map
from emstream_training.report.tables import Document, Table
from tests.unit.emstream_training.stacks import UINT8, grey_stack

SHAPE = (3, 40, 50)
GREY = grey_stack(SHAPE)
TRUTH: NDArray[np.bool_] = GREY > 140


def draw(figure: Figure) -> None:
    """Draw two panels with legends."""
    for axes in figure.subplots(1, 2):
        axes.plot([1, 2, 3], [0.5, 0.25, 0.125], marker="o", label="loss")
        axes.legend()


DRAWING = Drawing("loss", "Loss & <gain>", "It falls by half.", 'A line that falls, "steeply".', draw)
TABLE = Table("Totals", "All.", ("", "F1"), tuple((f"a<b{k}", "0.5") for k in range(ROWS_ON_A_PAGE + 1)), (3, 1))
DOCUMENT = Document("a & b", "1 < 2", (DRAWING,), (TABLE, TABLE))


def member(
    name: str, sections: int = 3, family: str = "MultiResUNet", weight: int = 1, threshold: float = 0.4
) -> Member:
    """Return a checkpoint that has no file."""
    header = Header.model_validate(
        {
            "name": name,
            "network": "MultiResUNet",
            "width": 1,
            "reduction": 1,
            "sections": sections,
            "objects": ["spots"],
            "normalisation": "",
            "alignment": 16,
            "pixel_size_nm": None,
            "z_range_nm": [1, 100],
            "halo_exact": 160,
            "halo_fast": 64,
            "threshold": 0.5,
        }
    )
    return Member(Checkpoint(Path(f"{name}.onnx"), header, "0"), family, weight, threshold)


def histograms(hits: int, misses: int, false_alarms: int) -> Histograms:
    """Return the levels of a section: hits and false alarms at 200, misses at 10."""
    positives, negatives = np.zeros(256, np.int64), np.zeros(256, np.int64)
    positives[[200, 10]], negatives[200] = (hits, misses), false_alarms
    return Histograms(positives, negatives)


def probability_of(name: str, z: int) -> UINT8:
    """Return the probability of a section by a checkpoint: its grey values, shifted by the letters of the name."""
    shifted: UINT8 = np.clip(GREY[z].astype(int) + 3 * (ord(name[-1]) - ord("a")) - 10, 0, 255).astype(np.uint8)
    return shifted


def tallies_of(candidates: Sequence[Candidate], truth: NDArray[np.bool_] = TRUTH) -> dict[str, Tally]:
    """Return the tallies of candidates on the three sections."""
    found = {}
    for candidate in candidates:
        planes = [mean_map({m.name: probability_of(m.name, z) for m in candidate.members}, candidate) for z in range(3)]
        sections = tuple(Histograms.of(plane, truth[z]) for z, plane in enumerate(planes))
        found[candidate.name] = Tally(128, sections)
    return found


def measured(*members: Member, truth: NDArray[np.bool_] = TRUTH) -> Measured:
    """Return the measurements of a report about these members, or about two of one family."""
    candidates = tuple(candidates_of(members or (member("a", 1), member("b", 3)), 0.5))
    tallies = tallies_of(candidates, truth)
    main = candidates[-1]
    planes = SectionPlanes(GREY[1], GREY[1], truth[1])
    return Measured(
        sections=Sections("spots", SHAPE, lambda z: GREY[z], lambda z: truth[z]),
        candidates=candidates,
        main=main,
        tallies=tallies,
        examples=(make_example("best", 1, tallies[main.name], planes),),
        clean_crop=GREY[1],
    )


def whole(*members: Member) -> Measured:
    """Return measurements with every corruption and three timings."""
    found = measured(*members)
    others = {name: tally.without(1) for name, tally in found.tallies.items()}
    return replace(
        found,
        robustness=tuple(Robustness(c, found.tallies, GREY[1], others if c is MISSING else None) for c in CORRUPTIONS),
        timings=(Timing(1000, 1, 3.0), Timing(2000, 4, 9.0), Timing(3000, 9, 19.0)),
    )
