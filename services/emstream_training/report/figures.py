"""All figures of a report in order; here those of training, examples, robustness and run time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from emstream_training.report.candidates import ENSEMBLE
from emstream_training.report.corruptions import missing_z
from emstream_training.report.drawing import COLOURS, MARKERS, Drawing, legend_only
from emstream_training.report.examples import COLOURS as OVERLAY_COLOURS
from emstream_training.report.examples import Example
from emstream_training.report.learning import Curve
from emstream_training.report.measure import Measured
from emstream_training.report.run_time import Timing, fit_line
from emstream_training.report.score_figures import draw_curves, draw_families, draw_sections

LEGEND_COLUMNS = 3
"""Of names as long as those of checkpoints."""


def draw_all(measured: Measured, curves: Sequence[Curve], machine: str) -> list[Drawing]:
    """Return the figures that there are numbers for. machine: engine and computer, in words."""
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
    """Return loss and F1 on the validation sections over the steps of training, a line per training."""

    def draw(figure: Figure) -> None:
        for axis, column, title in zip(
            figure.subplots(1, 2), ("loss", "f1"), ("Training loss", "F1 on the validation sections"), strict=True
        ):
            for number, curve in enumerate(curves):
                colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
                axis.plot(curve.column("step"), curve.column(column), color=colour, marker=marker, label=curve.name)
            axis.set(title=title, xlabel="step")
            axis.set_ylim(0, 1.02 if column == "f1" else None)
            axis.legend(loc="lower right" if column == "f1" else "upper right")

    best = [max(curve.rows, key=lambda row: row[2]) for curve in curves]
    sentence = " ".join(
        f"{curve.name} was best at step {step:.0f}: F1 {f1:.3f}, precision {precision:.3f}, recall {recall:.3f}."
        for curve, (step, _, f1, precision, recall) in zip(curves, best, strict=True)
    )
    return Drawing(
        key="training",
        title="Training",
        caption=f"Loss on the patches drawn, and F1 on sections kept out of training, as training went on. {sentence}",
        alt=f"Two line charts: training loss and validation F1 over the steps. {sentence}",
        draw=draw,
    )


def draw_example(example: Example, measured: Measured) -> Drawing:
    """Return a section and beside it the same one with hit, miss and false alarm coloured."""

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
        caption=f"{sentence} Blue was found, yellow was missed, vermilion was marked by mistake.",
        alt=f"The section and its overlay. {sentence}",
        draw=draw,
    )


def draw_robustness(measured: Measured) -> Drawing:
    """Return bars of F1 under each corruption, a bar per candidate, and a piece of each corrupted section above."""
    labels = ["as it is", *(r.corruption.label for r in measured.robustness)]
    tallies = [measured.tallies, *(r.tallies for r in measured.robustness)]
    crops = [measured.clean_crop, *(r.crop for r in measured.robustness)]
    count = len(measured.candidates)
    legend_rows = -(-count // LEGEND_COLUMNS)

    def draw(figure: Figure) -> None:
        grid = figure.add_gridspec(3, len(labels), height_ratios=(0.2 * legend_rows, 1, 2.8))
        for column, crop in enumerate(crops):
            axis = figure.add_subplot(grid[1, column])
            axis.imshow(crop, cmap="gray", vmin=0, vmax=255)
            axis.set(xticks=[], yticks=[])
            axis.grid(visible=False)
        axis = figure.add_subplot(grid[2, :])
        width = 0.8 / count
        for number, candidate in enumerate(measured.candidates):
            x = np.arange(len(labels)) + (number - (count - 1) / 2) * width
            values = [found[candidate.name].score["f1"] for found in tallies]
            colour, hatch = COLOURS[number % len(COLOURS)], "////" if candidate.kind == ENSEMBLE else ""
            bars = axis.bar(x, values, width * 0.94, color=colour, hatch=hatch, ec="white", lw=0, label=candidate.name)
            if count <= 3:
                axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
        axis.set(ylim=(0, 1.05), ylabel="F1", xlim=(-0.5, len(labels) - 0.5), xticks=range(len(labels)))
        axis.set_xticklabels(labels)
        axis.grid(axis="x", visible=False)
        legend_only(figure.add_subplot(grid[0, :]), axis.get_legend_handles_labels()[0], min(LEGEND_COLUMNS, count))

    sentence = _robustness_in_words(measured)
    return Drawing(
        key="robustness",
        title="Robustness",
        caption="F1 when the 8-bit sections are spoiled before predicting; thresholds stay as they are. Noise: salt "
        f"and pepper, half black and half white. Contrast: around mid grey. {sentence}",
        alt=f"Bar chart of F1 under noise, blur, changed contrast and a missing section. {sentence}",
        draw=draw,
    )


def draw_run_time(timings: Sequence[Timing], machine: str) -> Drawing:
    """Return seconds against megapixels with the straight line through them."""
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
    proof = " Two points always lie on a line: time more --sizes to see whether it is one." if sizes.size == 2 else ""
    return Drawing(
        key="run_time",
        title="Run time against image size",
        caption=f"From reading one section to its mask, faster of two runs, so that preparing the network does not "
        f"count: {sentence}.{growth}{proof} {machine}.",
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
        return "the first, as nothing is labelled"
    return f"the {rank} of all by F1"


def _robustness_in_words(measured: Measured) -> str:
    main = measured.main
    found = {r.corruption.label.replace("\n", " "): r.tallies[main.name].score["f1"] for r in measured.robustness}
    numbers = ", ".join(f"{f1:.3f} with {label}" for label, f1 in found.items())
    text = f"{main.name}: F1 {measured.f1(main):.3f} as it is, {numbers}."
    for r in measured.robustness:
        if r.others is not None:
            z = missing_z(measured.sections.shape_zyx[0])
            others = measured.tallies[main.name].without(z).score["f1"]
            text += (
                f" The missing section is {z}; its structure counts all the same. On the other sections F1 is "
                f"{r.others[main.name].score['f1']:.3f}, and {others:.3f} with nothing missing."
            )
    return text
