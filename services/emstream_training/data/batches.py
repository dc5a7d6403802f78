"""Batches for the network, in the order of steps; for a GPU, threads prepare them ahead.

A batch depends on the seed and the step only, not on the thread or the time that it is made at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, nn

from emstream_training.augment.augment import augment
from emstream_training.data.layers import IGNORE
from emstream_training.data.patches import PatchSampler
from emstream_training.settings import TrainingSettings

MAKERS = 4
"""Threads that prepare batches; most of their work is done outside of Python's lock."""
AHEAD = 8
"""Batches prepared before the network asks for them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Input and labels of one step.

    images: float32 (n, sections, h, w), 0..255, channels last. target, known: float32 (n, 1, h, w), 0..1, reduced as
    the network reduces. known is 1 where the label counts, 0 elsewhere.
    """

    images: Tensor
    target: Tensor
    known: Tensor

    def pinned(self) -> Batch:
        """Return the batch in pinned memory, from which a GPU copies without the CPU."""
        return Batch(self.images.pin_memory(), self.target.pin_memory(), self.known.pin_memory())

    def on(self, device: str) -> Batch:
        """Return the batch on a device; from pinned memory the copy runs during the computation."""
        images, target, known = (t.to(device, non_blocking=True) for t in (self.images, self.target, self.known))
        return Batch(images, target, known)


def batches(sampler: PatchSampler, settings: TrainingSettings, first_step: int) -> Generator[Batch]:
    """Yield the batch of every step from `first_step` on, without end, on the settings' device."""
    if settings.device == "cpu":  # the network uses all cores already
        for step in count(first_step):
            yield make_batch(sampler, settings, step)
    pool = ThreadPoolExecutor(MAKERS, "batch")
    try:
        waiting = deque(pool.submit(_make_pinned, sampler, settings, first_step + k) for k in range(AHEAD))
        for step in count(first_step + AHEAD):
            batch = waiting.popleft().result()
            waiting.append(pool.submit(_make_pinned, sampler, settings, step))
            yield batch.on(settings.device)
    finally:
        pool.shutdown(cancel_futures=True)


def make_batch(sampler: PatchSampler, settings: TrainingSettings, step: int) -> Batch:
    """Return the batch of a step, on the CPU."""
    patches, labels = sampler.batch(step, settings.batch)
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
    images = augment(torch.from_numpy(patches).float(), generator).contiguous(memory_format=torch.channels_last)
    return Batch(images, *_targets(torch.from_numpy(labels)[:, None], settings.reduction))


def _make_pinned(sampler: PatchSampler, settings: TrainingSettings, step: int) -> Batch:
    return make_batch(sampler, settings, step).pinned()


def _targets(labels: Tensor, reduction: int) -> tuple[Tensor, Tensor]:
    known = (labels != IGNORE).float()
    target = (labels == 1).float()
    if reduction == 1:
        return target, known
    pool = nn.functional.avg_pool2d
    return pool(target, reduction), (pool(known, reduction) == 1).float()
