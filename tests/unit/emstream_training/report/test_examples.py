"""Examples: the sections that are chosen, and their colours."""

from __future__ import annotations

import numpy as np

from emstream_training.report.scores import LONGEST_SIDE, SectionPlanes, Tally, make_example, telling_sections
from tests.unit.emstream_training.report.reports import histograms


def test_examples_are_the_best_the_median_and_the_worst_section_with_structure() -> None:
    sections = histograms(0, 0, 0), histograms(5, 5, 0), histograms(9, 1, 0), histograms(1, 9, 0)
    assert telling_sections(Tally(128, sections)) == [("best", 2), ("median", 1), ("worst", 3)]
    assert telling_sections(Tally(128, sections[:2])) == [("best and median and worst", 1)]
    assert telling_sections(Tally(128, sections[:1])) == [("first", 0)]


def test_an_example_is_coloured_where_something_was_marked_or_missed() -> None:
    grey = np.full((40, 40), 90, np.uint8)
    truth, probability = np.zeros((40, 40), bool), np.zeros((40, 40), np.uint8)
    truth[:20, :20] = True
    probability[:20, 10:30] = 255
    example = make_example("best", 0, Tally(128, (histograms(200, 200, 200),)), SectionPlanes(grey, probability, truth))
    colours = {tuple(example.coloured[y, x].tolist()) for y, x in ((5, 5), (5, 15), (5, 25), (30, 30))}
    assert len(colours) == 4
    assert (90, 90, 90) in colours


def test_a_large_section_is_reduced_to_a_panel() -> None:
    grey, nothing = np.full((1000, 2000), 50, np.uint8), np.zeros((1000, 2000), np.uint8)
    tally = Tally(128, (histograms(0, 0, 0),))
    example = make_example("first", 0, tally, SectionPlanes(grey, nothing, nothing > 0))
    assert example.grey.shape == (LONGEST_SIDE // 2, LONGEST_SIDE)
    assert example.coloured.shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 3)
    assert (example.coloured == 50).all()
    assert example.counts == tally.counts[0]
