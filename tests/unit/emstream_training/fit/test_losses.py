"""The loss, against sums written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from emstream_training.fit.train import HARD_SHARE, segmentation_loss

Pixel = tuple[float, bool, bool]
pixels = st.lists(st.tuples(st.floats(-6, 6), st.booleans(), st.booleans()), min_size=1, max_size=40)


def tensors(rows: list[Pixel]) -> tuple[Tensor, Tensor, Tensor]:
    columns = zip(*rows, strict=True)
    logits, target, known = (torch.tensor(column, dtype=torch.float32).view(1, 1, 1, -1) for column in columns)
    return logits, target, known


def written_out(rows: list[Pixel]) -> float:
    """Return the loss pixel by pixel."""
    chances = [(1 / (1 + math.exp(-logit)), target) for logit, target, known in rows if known]
    entropies = sorted((-math.log(p if target else 1 - p) for p, target in chances), reverse=True)
    hardest = (entropies or [0.0])[: max(1, int(HARD_SHARE * len(chances)))]
    overlap = sum(p for p, target in chances if target)
    marked, true = sum(p for p, _ in chances), sum(target for _, target in chances)
    mean = sum(entropies) / max(1, len(chances))
    return 0.5 * mean + 0.5 * HARD_SHARE * float(np.mean(hardest)) + 1 - (2 * overlap + 1) / (marked + true + 1)


@given(pixels)
def test_the_loss_is_the_one_written_out(rows: list[Pixel]) -> None:
    assert float(segmentation_loss(*tensors(rows))) == pytest.approx(written_out(rows), rel=1e-3, abs=1e-4)


@given(pixels, st.floats(-6, 6), st.booleans())
def test_unknown_pixels_do_not_count(rows: list[Pixel], logit: float, target: bool) -> None:
    known = [row for row in rows if row[2]] or [(0.0, True, True)]
    found = segmentation_loss(*tensors([*known, (logit, target, False)]))
    assert float(found) == pytest.approx(float(segmentation_loss(*tensors(known))), rel=1e-4)


def test_unknown_pixels_have_no_gradient() -> None:
    logits, target, known = tensors([(1.0, True, True), (-2.0, True, False), (0.5, False, True)])
    logits.requires_grad_()
    segmentation_loss(logits, target, known).backward()  # type: ignore[no-untyped-call]  # torch's stub
    assert logits.grad is not None
    assert (logits.grad.flatten() != 0).tolist() == [True, False, True]


def test_better_logits_have_a_lower_loss() -> None:
    target = torch.tensor([0.0, 0, 1, 1]).view(1, 1, 1, -1)
    known = torch.ones_like(target)
    losses = [float(segmentation_loss(scale * (2 * target - 1), target, known)) for scale in (-3, 0, 3, 20)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(0, abs=1e-4)


def test_a_batch_of_unknown_pixels_costs_nothing() -> None:
    nothing = torch.zeros(2, 1, 4, 4)
    assert float(segmentation_loss(torch.randn(2, 1, 4, 4), nothing, nothing)) == 0
