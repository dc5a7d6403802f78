"""Figures of accuracy: lines, bars and curves with one style per candidate."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from emstream_training.report.drawing import Drawing
from emstream_training.report.score_figures import draw_curves, draw_families, draw_sections, style_of
from tests.unit.emstream_training.report.reports import TRUTH, measured, member


def drawn(drawing: Drawing) -> Figure:
    figure = Figure()
    drawing.draw(figure)
    return figure


def test_sections_have_a_line_per_candidate_in_every_panel() -> None:
    found = measured()
    drawing = draw_sections(found)
    for axis, measure in zip(drawn(drawing).axes, ("f1", "precision", "recall"), strict=True):
        lines = axis.get_lines()
        assert [line.get_label() for line in lines] == [candidate.name for candidate in found.candidates]
        expected = [getattr(counts, measure) for counts in found.tallies["a"].counts]
        assert np.array_equal(lines[0].get_ydata(), expected)
    assert f"a: F1 {found.f1(found.candidates[0]):.3f} in all" in drawing.caption


def test_families_are_compared_only_if_there_are_two() -> None:
    assert draw_families(measured()) is None
    both = measured(member("a"), member("b", family="DeepEM3D"), member("c", 5, family="DeepEM3D"))
    drawing = draw_families(both)
    assert drawing is not None
    [axis] = drawn(drawing).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["3fm", "5fm", "ensemble"]
    assert len(axis.patches) == 4  # one of MultiResUNet, three of DeepEM3D
    best = max(both.f1(candidate) for candidate in both.candidates if candidate.family == "DeepEM3D")
    assert f"DeepEM3D reaches F1 {best:.3f}" in drawing.caption


def test_curves_need_structure() -> None:
    assert draw_curves(measured(truth=np.zeros_like(TRUTH))) is None
    found = measured()
    drawing = draw_curves(found)
    assert drawing is not None
    [axis] = drawn(drawing).axes
    score = found.tallies["a"].score
    labels = [line.get_label() for line in axis.get_lines()]
    assert f"a: AP {score['average_precision']:.3f}, F1 {score['f1']:.3f}" in labels
    assert "at its threshold 0.50 precision is" in drawing.caption


def test_candidates_differ_in_style_and_ensembles_are_dashed() -> None:
    candidates = measured().candidates
    styles = [style_of(candidate, candidates) for candidate in candidates]
    assert len({style.colour for style in styles}) == len({style.marker for style in styles}) == 3
    assert [style.dashes for style in styles] == ["-", "-", "--"]
    assert style_of(candidates[0], candidates, has_markers=False).marker == ""


def test_a_line_of_an_ensemble_is_thicker() -> None:
    candidates = measured().candidates
    axis = Figure().add_subplot()
    for candidate in candidates:
        style_of(candidate, candidates).plot(axis, [0, 1], [0, 1], candidate.name)
    widths = [line.get_linewidth() for line in axis.get_lines()]
    assert widths[0] == widths[1] < widths[2] == pytest.approx(2.6)
