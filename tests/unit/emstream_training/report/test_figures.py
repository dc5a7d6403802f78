"""Figures: only the ones for which there are numbers, with captions that state them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from emstream_training.report.drawing import Drawing
from emstream_training.report.figures import draw_all, draw_example, draw_learning, draw_robustness, draw_run_time
from emstream_training.report.learning import Curve, Timing, Validation
from tests.unit.emstream_training.report.reports import measured, member, whole

CURVES = [
    Curve("short", (Validation(10, 0.5, 0.7, 0.8, 0.6), Validation(20, 0.4, 0.6, 0.7, 0.5))),
    Curve("long", (Validation(10, 0.9, 0.1, 0.2, 0.3),)),
]


def drawn(drawing: Drawing) -> Figure:
    figure = Figure()
    drawing.draw(figure)
    return figure


def test_figures_without_numbers_are_left_out() -> None:
    assert [d.key for d in draw_all(measured(), [], "here")] == ["f1_per_section", "precision_recall", "example_best"]
    both = whole(member("a"), member("b", family="DeepEM3D"))
    assert [d.key for d in draw_all(both, CURVES, "here")] == [
        "training",
        "f1_per_section",
        "families",
        "precision_recall",
        "example_best",
        "robustness",
        "run_time",
    ]


def test_a_training_is_described_by_its_best_step() -> None:
    drawing = draw_learning(CURVES)
    assert "short was best at step 10: F1 0.700, precision 0.800, recall 0.600." in drawing.caption
    losses, scores = drawn(drawing).axes
    assert [line.get_label() for line in losses.get_lines()] == ["short", "long"]
    assert np.array_equal(scores.get_lines()[0].get_ydata(), [0.7, 0.6])
    assert (losses.get_ylim()[0], scores.get_ylim()) == (0, (0, 1.02))


def test_an_example_shows_the_section_twice() -> None:
    found = measured()
    drawing = draw_example(found.examples[0], found)
    left, right, legend = drawn(drawing).axes
    assert (left.get_title(loc="left"), left.get_title()) in (("original", ""), ("", "original"))
    assert len(left.get_images()) == len(right.get_images()) == 1
    names = legend.get_legend()
    assert names is not None
    assert [text.get_text() for text in names.get_texts()] == ["hit", "miss", "false alarm"]
    assert drawing.caption.startswith("Section 1, the best of all by F1: F1 ")


def test_robustness_has_a_bar_per_candidate_and_corruption() -> None:
    drawing = draw_robustness(whole())
    *crops, bars, _ = drawn(drawing).axes
    assert len(crops) == 8
    assert len(bars.patches) == 3 * 8
    assert "The missing section is section 1" in drawing.caption
    assert "with noise 5 %" in drawing.caption


def test_run_time_names_its_line_and_doubts_one_of_two_points() -> None:
    three = draw_run_time(whole().timings, "Machine: here")
    assert "Each megapixel adds 2 s." in three.caption
    assert three.caption.endswith("Machine: here.")
    assert "(1 package)" in three.caption
    assert "(4 packages)" in three.caption
    [axis] = drawn(three).axes
    assert [line.get_label() for line in axis.get_lines()] == ["measured", "2 s per megapixel + 1 s, R² 1.0000"]
    two = draw_run_time([Timing(1000, 1, 3.0), Timing(2000, 4, 9.0)], "here")
    assert "Two points always make a line" in two.caption
    assert len(drawn(draw_run_time([Timing(1000, 1, 3.0)], "here")).axes[0].get_lines()) == 1
