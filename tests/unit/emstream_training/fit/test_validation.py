"""Validation: thresholds tried on probabilities, and sections of any size through the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from emstream_training.data.layers import IGNORE
from emstream_training.fit.validation import LEVELS, best_level, predict_stack, validate
from emstream_training.metrics.confusion import Confusion
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import labelled

SETTINGS = TrainingSettings("spots", sections=3, patch=64)


class Middle(nn.Module):
    """Answers with the grey value of the middle section as probability, at the reduced resolution."""

    def __init__(self, reduction: int = 1) -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == 3
        assert not x.shape[2] % 16
        assert not x.shape[3] % 16
        grey = nn.functional.avg_pool2d(x[:, 1:2], self.reduction) / 255
        return torch.logit(grey, eps=1e-6)


def test_the_probability_of_every_section_has_its_size() -> None:
    stack = labelled((2, 37, 50))
    found = list(predict_stack(Middle(), stack, SETTINGS))
    assert len(found) == 2
    for (probability, label), image, truth in zip(found, stack.images, stack.labels, strict=True):
        assert probability.dtype == np.uint8
        assert np.abs(probability.astype(int) - image).max() <= 1
        assert label is truth


def test_a_reduced_network_is_enlarged() -> None:
    settings = TrainingSettings("spots", sections=3, patch=64, reduction=2)
    stack = labelled((1, 64, 64))
    [(probability, _)] = predict_stack(Middle(2), stack, settings)
    assert probability.shape == (64, 64)
    assert np.abs(probability.astype(int) - stack.images[0])[4:-4, 4:-4].mean() < 6


def test_the_network_is_validated_in_evaluation_mode_at_its_best_threshold() -> None:
    network = Middle().train()
    counts, threshold = validate(network, [labelled((2, 37, 50)), labelled((1, 20, 20), 1)], SETTINGS)
    assert not network.training
    assert threshold == 144 / 255  # labels are grey values above 140
    assert counts.f1 > 0.95
    assert counts.hits + counts.misses + counts.false_alarms + counts.rejections == 2 * 37 * 50 + 20 * 20


@given(st.lists(st.tuples(st.integers(0, 255), st.sampled_from([0, 1])), min_size=1, max_size=50))
def test_no_other_level_is_better(pixels: list[tuple[int, int]]) -> None:
    probability, label = (np.array(column, np.uint8)[None] for column in zip(*pixels, strict=True))
    counts, threshold = best_level([(probability, label)])
    tried = [Confusion.of(probability >= level, label == 1) for level in LEVELS]
    assert counts.f1 == max(count.f1 for count in tried)
    assert counts == Confusion.of(probability >= round(threshold * 255), label == 1)


def test_counts_add_up_over_sections() -> None:
    high, low = np.array([[200, 10]], np.uint8), np.array([[200, 90]], np.uint8)
    label = np.array([[1, 0]], np.uint8)
    counts, threshold = best_level([(high, label), (low, label)])
    assert counts == Confusion(hits=2, rejections=2)
    assert threshold == pytest.approx(96 / 255)
    assert IGNORE not in label
