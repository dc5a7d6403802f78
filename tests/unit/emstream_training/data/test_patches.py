"""Patches: functions of seed and step, with no label where there is no section."""

from __future__ import annotations

import numpy as np
import pytest

from emstream_training.data.labelled_files import LabelledStack
from emstream_training.data.layers import IGNORE
from emstream_training.data.patches import PatchSampler
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import labelled

PATCH = 64


def sampler(*stacks: LabelledStack, sections: int = 3, seed: int = 1, scale: float = 1.4) -> PatchSampler:
    return PatchSampler(stacks, TrainingSettings("spots", sections=sections, patch=PATCH, scale=scale, seed=seed))


def test_what_a_step_draws_depends_on_seed_and_step_alone() -> None:
    stacks = [labelled((5, 150, 130), seed) for seed in range(2)]
    first, second = sampler(*stacks), sampler(*stacks)
    second.batch(3, 2)
    for step in (0, 7):
        for a, b in zip(first.batch(step, 3), second.batch(step, 3), strict=True):
            assert np.array_equal(a, b)
    assert not np.array_equal(first.batch(0, 3)[0], first.batch(1, 3)[0])
    assert not np.array_equal(first.batch(0, 3)[0], sampler(*stacks, seed=2).batch(0, 3)[0])


@pytest.mark.parametrize("shape", [(1, 40, 50), (2, 20, 300), (3, 64, 64)])
@pytest.mark.parametrize("sections", [1, 3, 5])
def test_sections_smaller_than_a_patch_are_padded_with_unknown(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], sections: int
) -> None:
    monkeypatch.setattr("emstream_training.data.patches.ELASTIC_SHARE", 0)  # it blurs the seam
    images, labels = sampler(labelled(shape), sections=sections, scale=1.0).batch(0, 12)
    assert images.shape == (12, sections, PATCH, PATCH)
    assert labels.shape == (12, PATCH, PATCH)
    outside = labels == IGNORE
    assert outside.any()
    assert (~outside).sum() <= 12 * min(shape[1], PATCH) * min(shape[2], PATCH)
    assert not images[:, sections // 2][outside].any()  # the stack itself has no zero
    assert images[:, sections // 2][~outside].all()


def test_what_is_drawn_into_a_patch_ends_at_the_section_s_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_training.data.patches.ELASTIC_SHARE", 0)
    monkeypatch.setattr("emstream_training.data.patches.AXON_SHARE", 1)
    images, labels = sampler(labelled((3, 40, 50), decoys=1), scale=1.0).batch(0, 12)
    outside = labels == IGNORE
    assert (~outside).sum() <= 12 * 40 * 50
    assert outside.sum() >= 12 * (PATCH**2 - 40 * 50)
    assert not images[:, 1][outside].any()


def test_sections_without_any_label_are_only_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_training.data.patches.ELASTIC_SHARE", 0)
    stack = labelled((3, 90, 90))
    for z in (0, 2):
        stack.labels[z][:] = IGNORE
    _, labels = sampler(stack, scale=1.0).batch(0, 8)
    assert all((label != IGNORE).any() for label in labels)


def test_weights_decide_how_often_a_stack_is_drawn() -> None:
    dark, bright = labelled((1, 90, 90), weight=1), labelled((1, 90, 90), weight=9)
    for image in dark.images:
        image[:] = 10
    for image in bright.images:
        image[:] = 240
    images, _ = sampler(dark, bright, sections=1).batch(0, 200)
    assert 0.8 < (images.max((1, 2, 3)) > 100).mean() < 0.98
