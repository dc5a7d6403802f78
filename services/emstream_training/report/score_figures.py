"""Figures of accuracy: F1 of each section, comparison of network families, precision against recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.evaluate import WANTED_PRECISION, WANTED_RECALL
from emstream_training.report.candidates import ENSEMBLE, Candidate
from emstream_training.report.drawing import COLOURS, GREY, MARKERS, Drawing
from emstream_training.report.measure import Measured

MANY_SECTIONS = 40
"""Maximum number of sections for which lines have markers."""
ENSEMBLE_WIDTH = 2.6
"""Width in points of an ensemble's line."""
LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 2}
"""Background of a label on a bar."""
F1_LINES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Values of F1 whose lines are drawn."""
MEASURES: dict[str, Callable[[Confusion], float]] = {
    "F1": lambda counts: counts.f1,
    "Precision": lambda counts: counts.precision,
    "Recall": lambda counts: counts.recall,
}
"""Measures over the sections, by the titles of their axes."""


def draw_sections(measured: Measured) -> Drawing:
    """Return F1, precision and recall over the sections, one line per candidate."""

    def draw(figure: Figure) -> None:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.7, 1))
        axes = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
        for (title, measure), axis in zip(MEASURES.items(), axes, strict=True):
            _section_lines(axis, measured, measure)
            axis.set_title(title)
        axes[0].legend(loc="lower left")
        axes[0].set_xlabel("section (z)")
        axes[2].set_xlabel("section (z)")

    sentences = [_spread_of(c, measured) for c in measured.candidates]
    return Drawing(
        key="f1_per_section",
        title="F1 of each section",
        caption=f"Agreement of masks and labels in each section (1 = identical). {' '.join(sentences)}",
        alt=f"Line chart of F1, precision and recall over the sections. {' '.join(sentences)}",
        draw=draw,
    )


def draw_families(measured: Measured) -> Drawing | None:
    """Return grouped bars of F1, a group per kind and a bar per family; None if there is only one family."""
    families = list(dict.fromkeys(m.family for c in measured.candidates for m in c.members))
    if len(families) < 2:
        return None

    def draw(figure: Figure) -> None:
        _family_bars(figure.add_subplot(), measured, families)

    best = {family: max((c for c in measured.candidates if c.family == family), key=measured.f1) for family in families}
    sentence = "; ".join(f"{family} reaches F1 {measured.f1(c):.3f} ({c.kind})" for family, c in best.items())
    return Drawing(
        key="families",
        title="Comparison of networks",
        caption="F1 on all sections together, by network and by the number of sections that it sees; markers give "
        f"precision and recall. At best {sentence}.",
        alt=f"Bar chart of F1 by family of networks. At best {sentence}.",
        draw=draw,
    )


def _family_bars(axis: Axes, measured: Measured, families: Sequence[str]) -> None:
    kinds = sorted({c.kind for c in measured.candidates if c.family in families}, key=lambda k: (k == ENSEMBLE, k))
    known = {(c.family, c.kind): c for c in measured.candidates}
    width = 0.8 / len(families)
    for number, family in enumerate(families):
        places = [k for k, kind in enumerate(kinds) if (family, kind) in known]
        scores = [measured.tallies[known[family, kinds[k]].name].score for k in places]
        x = np.array(places) + (number - (len(families) - 1) / 2) * width
        bars = axis.bar(x, [s["f1"] for s in scores], width * 0.94, color=COLOURS[number], label=family)
        axis.bar_label(bars, fmt="%.2f", label_type="center", bbox=LABEL_BOX)
        axis.scatter(x - width / 5, [s["precision"] for s in scores], marker="^", c="white", ec="black", zorder=3)
        axis.scatter(x + width / 5, [s["recall"] for s in scores], marker="o", c="white", ec="black", zorder=3)
    axis.scatter([], [], marker="^", c="white", ec="black", label="precision")
    axis.scatter([], [], marker="o", c="white", ec="black", label="recall")
    axis.set(ylim=(0, 1.05), ylabel="F1", xticks=range(len(kinds)), xticklabels=kinds)
    axis.grid(axis="x", visible=False)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.1), ncols=len(families) + 2)


def draw_curves(measured: Measured) -> Drawing | None:
    """Return precision against recall over all thresholds; None if the labels have no structure."""
    if measured.tallies[measured.main.name].total.average_precision is None:
        return None

    def draw(figure: Figure) -> None:
        axis = figure.add_subplot()
        _f1_lines(axis)
        axis.axhline(WANTED_PRECISION, color=GREY, linestyle="--", linewidth=1)
        axis.axvline(WANTED_RECALL, color=GREY, linestyle="--", linewidth=1)
        for candidate in measured.candidates:
            _curve(axis, measured, candidate)
        axis.plot([], [], "o", color="black", markersize=8, label="at the recipe's threshold")
        axis.plot([], [], "x", color="black", markersize=8, label="recall at precision 0.80, precision at recall 0.95")
        axis.set(xlim=(0, 1.005), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
        axis.legend(loc="lower left")

    score = measured.tallies[measured.main.name].score
    sentence = (
        f"{measured.main.name} has average precision {score['average_precision']:.3f}; at its threshold "
        f"{measured.main.threshold:.2f} precision is {score['precision']:.3f} and recall {score['recall']:.3f}. Recall "
        f"at precision 0.80 is {score['recall_at_precision_0.80']:.3f}, precision at recall 0.95 is "
        f"{score['precision_at_recall_0.95']:.3f}."
    )
    return Drawing(
        key="precision_recall",
        title="Precision against recall",
        caption=f"Results of other thresholds, on all sections together; grey lines connect equal F1. {sentence}",
        alt=f"Precision-recall curve. {sentence}",
        draw=draw,
    )


@dataclass(frozen=True, slots=True)
class LineStyle:
    """Style of a candidate's lines, the same in every figure. colour: "#rrggbb"; width: None = the figure's own."""

    colour: str
    marker: str
    dashes: Literal["-", "--"]
    width: float | None

    def plot(self, axis: Axes, x: Sequence[float], y: Sequence[float], label: str) -> None:
        """Draw a line."""
        marker, dashes = self.marker, self.dashes
        axis.plot(x, y, color=self.colour, marker=marker, linestyle=dashes, linewidth=self.width, label=label)


def style_of(candidate: Candidate, candidates: Sequence[Candidate], has_markers: bool = True) -> LineStyle:
    """Return the style of a candidate; lines of ensembles are dashed and thicker."""
    number, is_ensemble = list(candidates).index(candidate), candidate.kind == ENSEMBLE
    return LineStyle(
        colour=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number % len(MARKERS)] if has_markers else "",
        dashes="--" if is_ensemble else "-",
        width=ENSEMBLE_WIDTH if is_ensemble else None,
    )


def _section_lines(axis: Axes, measured: Measured, measure: Callable[[Confusion], float]) -> None:
    depth = measured.sections.shape_zyx[0]
    for candidate in measured.candidates:
        values = [measure(counts) for counts in measured.tallies[candidate.name].counts]
        style = style_of(candidate, measured.candidates, depth <= MANY_SECTIONS)
        style.plot(axis, range(depth), values, candidate.name)
    axis.set(ylim=(0, 1.02), xlim=(-0.3, depth - 0.7))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _curve(axis: Axes, measured: Measured, candidate: Candidate) -> None:
    tally = measured.tallies[candidate.name]
    total, score = tally.total, tally.score
    precision, recall = total.curve()
    is_reached = recall > 0
    style = style_of(candidate, measured.candidates, has_markers=False)
    label = f"{candidate.name}: AP {score['average_precision']:.3f}, F1 {score['f1']:.3f}"
    style.plot(axis, recall[is_reached].tolist(), precision[is_reached].tolist(), label)
    axis.plot(score["recall"], score["precision"], "o", color=style.colour, markersize=8)
    wanted = [(score["recall_at_precision_0.80"], WANTED_PRECISION), (WANTED_RECALL, score["precision_at_recall_0.95"])]
    for x, y in wanted:
        axis.plot(x, y, "x", color=style.colour, markersize=9, markeredgewidth=2)


def _f1_lines(axis: Axes) -> None:
    for f1 in F1_LINES:
        recall = np.linspace(f1 / (2 - f1) + 1e-6, 1, 200)
        axis.plot(recall, f1 * recall / (2 * recall - f1), color="#c9c9c9", linewidth=0.8)
        axis.text(1.006, f1 / (2 - f1), f"F1 {f1:g}", color=GREY, fontsize=8, va="center")


def _spread_of(candidate: Candidate, measured: Measured) -> str:
    each = [counts.f1 for counts in measured.tallies[candidate.name].counts]
    total = f"{candidate.name}: F1 {measured.f1(candidate):.3f} in all"
    if len(each) == 1:
        return f"{total}."
    low, high = int(np.argmin(each)), int(np.argmax(each))
    return f"{total}, {each[low]:.3f} (section {low}) to {each[high]:.3f} (section {high})."
