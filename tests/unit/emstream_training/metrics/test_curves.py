"""Precision, recall and average precision from histograms, against counting voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.errors import ShapeError
from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import Histograms, level_of

Case = tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]
Voxel = tuple[int, bool, bool]

levels = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 127, 128, 254, 255]))
voxels = st.tuples(levels, st.booleans(), st.booleans())


def arrays(rows: list[Voxel]) -> Case:
    probability, truth, counted = zip(*rows, strict=True)
    return np.array(probability, np.uint8), np.array(truth, bool), np.array(counted, bool)


@given(st.lists(voxels, min_size=1, max_size=60), st.integers(0, 255))
def test_the_counts_at_any_level_are_those_of_the_mask(rows: list[Voxel], level: int) -> None:
    probability, truth, counted = arrays(rows)
    found = Histograms.of(probability, truth, counted).confusion(level)
    assert found == Confusion.of(probability >= level, truth, counted)
    assert found == Confusion.of((probability >= level)[counted], truth[counted])


@given(st.lists(voxels, min_size=2, max_size=60), st.data())
def test_the_sum_over_sections_is_the_whole(rows: list[Voxel], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(rows) - 1))
    parts = [Histograms.of(*arrays(part)) for part in (rows[:cut], rows[cut:])]
    joined, whole = sum(parts, Histograms.empty()), Histograms.of(*arrays(rows))
    assert (joined.positives == whole.positives).all()
    assert (joined.negatives == whole.negatives).all()


def average_precision(probability: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Sum over the distinct scores, falling: what recall gains, times the precision there."""
    total, recall_before = 0.0, 0.0
    for score in sorted(set(probability.tolist()), reverse=True):
        marked = probability >= score
        hits = int((marked & truth).sum())
        recall = hits / int(truth.sum())
        total += (recall - recall_before) * hits / int(marked.sum())
        recall_before = recall
    return total


@given(st.lists(voxels, min_size=1, max_size=60))
def test_average_precision_is_that_of_the_definition(rows: list[Voxel]) -> None:
    probability, truth, _ = arrays(rows)
    found = Histograms.of(probability, truth).average_precision
    if truth.any():
        assert found == pytest.approx(average_precision(probability, truth))
    else:
        assert found is None


@given(st.lists(voxels, min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.8, 0.95, 1.0]))
def test_the_best_at_a_fixed_precision_or_recall_is_the_best_of_all_thresholds(rows: list[Voxel], bar: float) -> None:
    probability, truth, _ = arrays(rows)
    histograms = Histograms.of(probability, truth)
    if not truth.any():
        assert histograms.recall_at_precision(bar) is histograms.precision_at_recall(bar) is None
        return
    all_counts = [Confusion.of(probability >= level, truth) for level in range(256)]
    recall = max((c.recall for c in all_counts if c.precision >= bar), default=0.0)
    assert histograms.recall_at_precision(bar) == pytest.approx(recall)
    assert histograms.precision_at_recall(bar) == pytest.approx(max(c.precision for c in all_counts if c.recall >= bar))


@given(st.lists(voxels, min_size=1, max_size=60))
def test_the_best_level_has_the_greatest_f1(rows: list[Voxel]) -> None:
    probability, truth, _ = arrays(rows)
    histograms = Histograms.of(probability, truth)
    best = histograms.best_level()
    assert 1 <= best <= 255
    greatest = max(histograms.confusion(level).f1 for level in range(1, 256))
    assert histograms.confusion(best).f1 == greatest


def test_equal_levels_give_the_middle_one() -> None:
    histograms = Histograms.of(np.array([0, 0, 200, 200], np.uint8), np.array([False, False, True, True]))
    assert histograms.best_level() == 101
    assert histograms.average_precision == 1


def test_a_threshold_is_reached_by_the_level_that_equals_it() -> None:
    assert [level_of(level / 255) for level in range(256)] == list(range(256))


def test_shapes_must_agree() -> None:
    with pytest.raises(ShapeError):
        Histograms.of(np.zeros((2, 2), np.uint8), np.zeros((2, 3), bool))
