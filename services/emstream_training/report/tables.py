"""The tables of a report: totals, checkpoints, settings. Cells are text already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emstream_training.report.candidates import Candidate
from emstream_training.report.measure import Measured
from emstream_training.report.scores import Tally

if TYPE_CHECKING:
    from emstream_training.report.drawing import Drawing

TOTALS = (
    "checkpoint or ensemble",
    "threshold",
    "true positives",
    "false positives",
    "false negatives",
    "true negatives",
    "precision",
    "recall",
    "F1",
    "IoU",
    "average precision",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells. widths: of its columns on a page, in any unit.

    is_text: all columns are aligned left; otherwise only the first one is, and numbers are aligned right.
    """

    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    is_text: bool = False


def totals(measured: Measured) -> Table:
    """Return the scores of each candidate on all sections together."""
    depth, height, width = measured.sections.shape_zyx
    return Table(
        title="Totals",
        caption=f"Voxels of all sections together: {depth} of {height} x {width}. An ensemble is the mean of its "
        "checkpoints' probability maps, weighted by their variants; each map is predicted once and stored in 8 bits, "
        "so the mean differs by rounding, 1/255, from a prediction with all at once.",
        header=TOTALS,
        rows=tuple(_total(candidate, measured.tallies[candidate.name]) for candidate in measured.candidates),
        widths=(3.6, 1.1, 1.2, 1.2, 1.2, 1.3, 1, 0.9, 0.9, 0.9, 1),
    )


def checkpoints(measured: Measured) -> Table:
    """Return the checkpoint files with their hashes."""
    members = {member.name: member for candidate in measured.candidates for member in candidate.members}
    headers = {name: member.checkpoint.header for name, member in members.items()}
    return Table(
        title="Checkpoints",
        caption="Sections: number of sections that the network sees at once. Width: 1 is the paper's. Reduction: the "
        "network works on pixels that are this many times larger.",
        header=("checkpoint", "network", "sections", "width", "reduction", "SHA-256 of the file"),
        rows=tuple(
            (name, h.network, str(h.sections), f"{h.width:g}", str(h.reduction), members[name].checkpoint.sha256)
            for name, h in headers.items()
        ),
        widths=(2.6, 1.2, 0.7, 0.6, 0.8, 5.2),
        is_text=True,
    )


def settings(facts: Mapping[str, str]) -> Table:
    """Return the settings of the report."""
    return Table(
        title="Settings",
        caption="Everything that decides the numbers. The same settings, checkpoints and fingerprint give the same "
        "bytes, except measured times.",
        header=("setting", "value"),
        rows=tuple(facts.items()),
        widths=(1.4, 8),
        is_text=True,
    )


def _total(candidate: Candidate, tally: Tally) -> tuple[str, ...]:
    score = tally.score
    counts = (score["true_positives"], score["false_positives"], score["false_negatives"], score["true_negatives"])
    shares = (score["precision"], score["recall"], score["f1"], score["iou"], score.get("average_precision"))
    return (
        candidate.name,
        f"{candidate.threshold:.2f}",
        *(f"{count:,}".replace(",", "\u202f") for count in counts),
        *("–" if share is None else f"{share:.4f}" for share in shares),
    )


@dataclass(frozen=True, slots=True)
class Document:
    """A title, a summary, and figures between the first table and the others. lead: the summary in one sentence."""

    title: str
    lead: str
    drawings: tuple[Drawing, ...]
    tables: tuple[Table, ...]
