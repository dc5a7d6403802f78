"""Loss for rare structures with partly known labels."""

from __future__ import annotations

import torch
from torch import Tensor

HARD_SHARE = 0.25
"""Share of the known pixels, the ones with the largest cross-entropy, that get half of its weight."""


def segmentation_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return binary cross-entropy (half of it over the hardest pixels) plus soft Dice over the batch.

    logits, target, known: float32 (n, 1, h, w); target 0..1, known 1 where the label counts and 0 elsewhere. Dice over
    the whole batch (not per patch) keeps patches without structure meaningful. Dice: Milletari et al., V-Net (2016).
    """
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * known
    mean = cross_entropy.sum() / known.sum().clamp(min=1)
    count = max(1, int(HARD_SHARE * float(known.sum())))
    hard = cross_entropy.flatten().topk(count).values.mean()
    probability = torch.sigmoid(logits) * known
    overlap = (probability * target).sum()
    dice = 1 - (2 * overlap + 1) / (probability.sum() + (target * known).sum() + 1)
    return 0.5 * mean + 0.5 * hard * HARD_SHARE + dice
