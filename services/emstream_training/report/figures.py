"""Figures of a report in order, and the ones of training, examples, robustness and run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from emstream_training.report.candidates import ENSEMBLE
from emstream_training.report.corruptions import missing_z
from emstream_training.report.drawing import COLOURS, MARKERS, Drawing, legend_only
from emstream_training.report.learning import Curve, Timing, fit_line
from emstream_training.report.measure import Measured
from emstream_training.report.score_figures import draw_curves, draw_families, draw_sections
from emstream_training.report.scores import COLOURS as OVERLAY_COLOURS
from emstream_training.report.scores import Example, Tally

LEGEND_COLUMNS = 3
"""Columns of a legend whose entries are names of checkpoints."""
MOST_LABELLED = 3
"""Maximum number of candidates whose bars are labelled with their values."""


def draw_all(measured: Measured, curves: Sequence[Curve], machine: str) -> list[Drawing]:
    """Return the figures for which there are numbers. machine: engine and computer, in words."""
    drawings = [
        draw_learning(curves) if curves else None,
        draw_sections(measured),
        draw_families(measured),
        draw_curves(measured),
        *(draw_example(example, measured) for example in measured.examples),
        draw_robustness(measured) if measured.robustness else None,
        draw_run_time(measured.timings, machine) if measured.timings else None,
    ]
    return [drawing for drawing in drawings if drawing is not None]


def draw_learning(curves: Sequence[Curve]) -> Drawing:
    """Return loss and F1 on the validation sections over the steps of training, one line per training."""

    def draw(figure: Figure) -> None:
        losses, scores = figure.subplots(1, 2)
        for number, curve in enumerate(curves):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            columns = curve.columns()
            for axis, name in ((losses, "loss"), (scores, "f1")):
                axis.plot(columns["step"], columns[name], color=colour, marker=marker, label=curve.name)
        losses.set(title="Training loss", xlabel="step")
        losses.set_ylim(0, None)
        losses.legend(loc="upper right")
        scores.set(title="F1 on the validation sections", xlabel="step")
        scores.set_ylim(0, 1.02)
        scores.legend(loc="lower right")

    sentence = " ".join(_best_in_words(curve) for curve in curves)
    return Drawing(
        key="training",
        title="Training",
        caption=f"Loss on the patches drawn, and F1 on held-out sections, over the steps of training. {sentence}",
        alt=f"Two line charts: training loss and validation F1 over the steps. {sentence}",
        draw=draw,
    )


def draw_example(example: Example, measured: Measured) -> Drawing:
    """Return a section, and next to it the same section with hits, misses and false alarms coloured."""

    def draw(figure: Figure) -> None:
        grid = figure.add_gridspec(2, 2, height_ratios=(1, 16))
        left, right = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
        left.imshow(example.grey, cmap="gray", vmin=0, vmax=255)
        right.imshow(example.coloured)
        for axis, title in ((left, "original"), (right, measured.main.name)):
            axis.set(title=title, xticks=[], yticks=[])
            axis.grid(visible=False)
            axis.spines[:].set_visible(False)
        patches = [Patch(facecolor=colour, edgecolor="black", label=name) for name, colour in OVERLAY_COLOURS.items()]
        legend_only(figure.add_subplot(grid[0, :]), patches, 3)

    counts = example.counts
    sentence = (
        f"Section {example.z}, {_rank_in_words(example.rank)}: F1 {counts.f1:.3f}, precision {counts.precision:.3f}, "
        f"recall {counts.recall:.3f}."
    )
    return Drawing(
        key=f"example_{example.rank.replace(' ', '_')}",
        title=f"Example: section {example.z}, {example.rank}",
        caption=f"{sentence} Blue: found; yellow: missed; vermilion: marked by mistake.",
        alt=f"The section and its overlay. {sentence}",
        draw=draw,
    )


def draw_robustness(measured: Measured) -> Drawing:
    """Return bars of F1 under each corruption, one per candidate, below a part of each corrupted section."""
    count = len(measured.candidates)
    legend_rows = -(-count // LEGEND_COLUMNS)

    def draw(figure: Figure) -> None:
        crops = [measured.clean_crop, *(found.crop for found in measured.robustness)]
        grid = figure.add_gridspec(3, len(crops), height_ratios=(0.2 * legend_rows, 1, 2.8))
        for column, crop in enumerate(crops):
            axis = figure.add_subplot(grid[1, column])
            axis.imshow(crop, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.grid(visible=False)
        bars = figure.add_subplot(grid[2, :])
        _robustness_bars(bars, measured)
        legend_only(figure.add_subplot(grid[0, :]), bars.get_legend_handles_labels()[0], min(LEGEND_COLUMNS, count))

    sentence = _robustness_in_words(measured)
    return Drawing(
        key="robustness",
        title="Robustness",
        caption="F1 if the 8-bit sections are corrupted before prediction, with the same thresholds. Noise: salt and "
        f"pepper, half black and half white. Contrast: around mid grey. {sentence}",
        alt=f"Bar chart of F1 under noise, blur, changed contrast and a missing section. {sentence}",
        draw=draw,
    )


def _robustness_bars(axis: Axes, measured: Measured) -> None:
    labels = ["original", *(found.corruption.label for found in measured.robustness)]
    tallies = [measured.tallies, *(found.tallies for found in measured.robustness)]
    count = len(measured.candidates)
    width = 0.8 / count
    for number, candidate in enumerate(measured.candidates):
        x = np.arange(len(labels)) + (number - (count - 1) / 2) * width
        values = [found[candidate.name].score["f1"] for found in tallies]
        colour, hatch = COLOURS[number % len(COLOURS)], "////" if candidate.kind == ENSEMBLE else ""
        bars = axis.bar(x, values, width * 0.94, color=colour, hatch=hatch, ec="white", lw=0, label=candidate.name)
        if count <= MOST_LABELLED:
            axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axis.set(ylim=(0, 1.05), ylabel="F1", xlim=(-0.5, len(labels) - 0.5), xticks=range(len(labels)))
    axis.set_xticklabels(labels)
    axis.grid(axis="x", visible=False)


def draw_run_time(timings: Sequence[Timing], machine: str) -> Drawing:
    """Return seconds against megapixels, and the straight line through the points."""
    line = fit_line(timings)
    sizes = np.array([timing.megapixels for timing in timings])

    def draw(figure: Figure) -> None:
        axis = figure.add_subplot()
        axis.plot(sizes, [t.seconds for t in timings], "o", color=COLOURS[0], markersize=8, label="measured", zorder=3)
        if line is not None:
            ends = np.array([0, sizes.max() * 1.05])
            label = (
                f"{line.slope_s_per_mpx:.3g} s per megapixel {'+' if line.intercept_s >= 0 else '−'} "
                f"{abs(line.intercept_s):.3g} s, R² {line.r_squared:.4f}"
            )
            axis.plot(ends, line.intercept_s + line.slope_s_per_mpx * ends, color=COLOURS[1], label=label)
        _name_points(axis, timings)
        axis.set(xlabel="megapixels of the section", ylabel="seconds", xlim=(0, None), ylim=(0, None))
        axis.legend(loc="upper left")

    sentence = "; ".join(f"{t.side} x {t.side} takes {t.seconds:.2f} s ({_packages(t.packages)})" for t in timings)
    growth = "" if line is None else f" Each megapixel adds {line.slope_s_per_mpx:.3g} s."
    proof = " Two points always make a line: time more --sizes to check it." if sizes.size == 2 else ""
    return Drawing(
        key="run_time",
        title="Run time against image size",
        caption=f"From reading one section to its mask, the faster of two runs, so that preparing the network does "
        f"not count: {sentence}.{growth}{proof} {machine}.",
        alt=f"Run time over image size with a straight line through it. {sentence}.{growth}",
        draw=draw,
    )


def _name_points(axis: Axes, timings: Sequence[Timing]) -> None:
    for timing in timings:
        axis.annotate(
            f"{timing.side} x {timing.side}",
            (timing.megapixels, timing.seconds),
            xytext=(8, -12),
            textcoords="offset points",
        )


def _packages(count: int) -> str:
    return f"{count} package{'s' * (count != 1)}"


def _rank_in_words(rank: str) -> str:
    if rank == "first":
        return "the first one, since nothing is labelled"
    return f"the {rank} of all by F1"


def _best_in_words(curve: Curve) -> str:
    best = curve.best
    return (
        f"{curve.name} was best at step {best.step:.0f}: F1 {best.f1:.3f}, precision {best.precision:.3f}, "
        f"recall {best.recall:.3f}."
    )


def _robustness_in_words(measured: Measured) -> str:
    main = measured.main
    found = {r.corruption.name: r.tallies[main.name].score["f1"] for r in measured.robustness}
    numbers = ", ".join(f"{f1:.3f} with {name}" for name, f1 in found.items())
    text = f"{main.name}: F1 {measured.f1(main):.3f} on the original sections, {numbers}."
    return text + "".join(_others_in_words(r.others, measured) for r in measured.robustness if r.others is not None)


def _others_in_words(others: Mapping[str, Tally], measured: Measured) -> str:
    z, name = missing_z(measured.sections.shape_zyx[0]), measured.main.name
    whole = measured.tallies[name].without(z).score["f1"]
    return (
        f" The missing section is section {z}, and its structure counts as missed. On the other sections F1 is "
        f"{others[name].score['f1']:.3f}, and {whole:.3f} if no section is missing."
    )
