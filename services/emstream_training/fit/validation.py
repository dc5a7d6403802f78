"""Validation: scores of a network on held-out sections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emstream.models.networks.serving import architecture
from emstream_training.data.labelled_files import LabelledStack, neighbours
from emstream_training.data.layers import IGNORE
from emstream_training.fit.device import autocast
from emstream_training.metrics.confusion import Confusion
from emstream_training.settings import TrainingSettings

UINT8 = NDArray[np.uint8]
LEVELS = range(64, 232, 8)
"""Levels (p = level / 255) that are tried as thresholds."""


def validate(
    network: nn.Module, held_out: Sequence[LabelledStack], settings: TrainingSettings
) -> tuple[Confusion, float]:
    """Return the threshold (0..1) with the best F1 over all held-out sections, after the counts at this threshold."""
    return best_level(chain.from_iterable(predict_stack(network, stack, settings) for stack in held_out))


def best_level(pairs: Iterable[tuple[UINT8, UINT8]]) -> tuple[Confusion, float]:
    """Return counts and threshold of the best F1; what is IGNORE does not count.

    pairs: probability (p = v / 255) and label (0, 1 or IGNORE), (y, x) uint8 each.
    """
    totals = [Confusion() for _ in LEVELS]
    for probability, label in pairs:
        truth, counted = label == 1, label != IGNORE
        found = [Confusion.of(probability >= level, truth, counted) for level in LEVELS]
        totals = [total + own for total, own in zip(totals, found, strict=True)]
    best = int(np.argmax([total.f1 for total in totals]))
    return totals[best], LEVELS[best] / 255


@torch.no_grad()
def predict_stack(
    network: nn.Module, stack: LabelledStack, settings: TrainingSettings
) -> Iterator[tuple[UINT8, UINT8]]:
    """Yield for each section its probability (h, w) uint8, p = v / 255, and its label (h, w) uint8.

    The network sees sections padded with zeros to the alignment.
    """
    network.eval()
    alignment = architecture(settings.network).aligned(settings.reduction)
    for z, label in enumerate(stack.labels):
        planes = np.stack(neighbours(stack, z, settings.sections))
        _, height, width = planes.shape
        padding = [(0, 0), (0, -height % alignment), (0, -width % alignment)]
        x = torch.from_numpy(np.pad(planes, padding))[None].to(settings.device).float()
        with autocast(settings):
            logits = network(x.contiguous(memory_format=torch.channels_last)).float()
        if settings.reduction > 1:
            logits = nn.functional.interpolate(logits, scale_factor=settings.reduction, mode="bilinear")
        yield (torch.sigmoid(logits) * 255).round().to(torch.uint8).cpu().numpy()[0, 0, :height, :width], label
