"""Metrics, on arrays small enough to check by eye."""

from __future__ import annotations

import numpy as np
import pytest

from emstream.errors import ShapeError, UsageError
from emstream_training.metrics import regions as metrics_regions
from emstream_training.metrics.confusion import Confusion, otsu_threshold


def test_counts_by_eye() -> None:
    mask = np.array([[1, 1, 0, 0]], bool)
    truth = np.array([[1, 0, 1, 0]], bool)
    found = Confusion.of(mask, truth)
    assert found == Confusion(hits=1, false_alarms=1, misses=1, rejections=1)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert found.iou == pytest.approx(1 / 3)


def test_nothing_marked_where_nothing_is_counts_as_perfect() -> None:
    empty = Confusion.of(np.zeros((2, 2), bool), np.zeros((2, 2), bool))
    assert (empty.f1, empty.precision, empty.recall, empty.iou) == (1, 1, 1, 1)


def test_sections_add_up() -> None:
    assert Confusion(1, 2, 3, 4) + Confusion(10, 20, 30, 40) == Confusion(11, 22, 33, 44)


def test_shapes_must_agree() -> None:
    with pytest.raises(ShapeError):
        Confusion.of(np.zeros((2, 2), bool), np.zeros((2, 3), bool))


def test_only_what_counts_is_counted() -> None:
    mask = np.array([[True, True, False, False]])
    truth = np.array([[True, False, True, False]])
    counted = np.array([[True, False, True, False]])
    assert Confusion.of(mask, truth, counted) == Confusion(hits=1, misses=1)
    assert Confusion.of(mask, truth, ~counted) == Confusion(false_alarms=1, rejections=1)
    with pytest.raises(ShapeError):
        Confusion.of(mask, truth, counted[:, :2])


def test_region_measures_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_regions, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install"):
        metrics_regions.region_errors(np.zeros((2, 2), bool), np.zeros((2, 2), bool))


def test_otsu_splits_two_peaks_and_takes_a_flat_histogram() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(60, 8, 5000), random.normal(180, 8, 9000)]).clip(0, 255).astype(int)
    assert 85 < otsu_threshold(np.bincount(values, minlength=256)) < 155
    assert otsu_threshold(np.bincount([7] * 10, minlength=256)) in range(256)
