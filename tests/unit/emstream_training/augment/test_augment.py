"""Grey values change by the generator alone, and stay grey values."""

from __future__ import annotations

import torch

from emstream_training.augment.augment import augment


def test_the_same_generator_gives_the_same_images() -> None:
    images = torch.rand(4, 3, 40, 40) * 255
    first, second = (augment(images, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, augment(images, torch.Generator().manual_seed(8)))


def test_images_stay_within_the_grey_values() -> None:
    for seed in range(20):
        changed = augment(torch.rand(2, 1, 32, 32) * 255, torch.Generator().manual_seed(seed))
        assert changed.shape == (2, 1, 32, 32)
        assert changed.dtype == torch.float32
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 255
