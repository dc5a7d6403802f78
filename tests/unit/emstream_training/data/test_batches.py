"""Batches: the same whether made when they are needed or ahead, by threads."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch

from emstream_training.data import batches as module
from emstream_training.data.batches import Batch, batches, make_batch
from emstream_training.data.patches import PatchSampler
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import labelled

SETTINGS = TrainingSettings(object_name="spots", patch=64, batch=2, sections=3, reduction=2)


@pytest.fixture
def sampler() -> PatchSampler:
    return PatchSampler([labelled((3, 40, 90))], SETTINGS)


def test_a_batch_has_targets_at_the_reduced_size_and_knows_only_whole_pixels(sampler: PatchSampler) -> None:
    batch = make_batch(sampler, SETTINGS, 0)
    assert batch.images.shape == (2, 3, 64, 64)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.target.shape == batch.known.shape == (2, 1, 32, 32)
    assert set(batch.known.flatten().tolist()) == {0.0, 1.0}
    assert set(batch.target.flatten().tolist()) <= {0.0, 0.25, 0.5, 0.75, 1.0}


def test_batches_made_ahead_come_in_the_same_order(sampler: PatchSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_make_pinned", make_batch)  # pinned memory needs a GPU
    monkeypatch.setattr(Batch, "on", lambda self, device: self)
    ahead = batches(sampler, replace(SETTINGS, device="cuda"), 5)
    pairs = zip(islice(ahead, 12), batches(sampler, SETTINGS, 5), strict=False)
    for made, expected in pairs:
        assert torch.equal(made.images, expected.images)
        assert torch.equal(made.target, expected.target)
        assert torch.equal(made.known, expected.known)
    ahead.close()
