"""Grey values change by the generator alone, and stay grey values."""

from __future__ import annotations

import pytest
import torch

from emstream_training.augment import augment as augment_module
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


def test_patches_become_blurred_or_sharper_than_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOISE_SHARE", "SALT_PEPPER_SHARE"):
        monkeypatch.setattr(augment_module, name, 0)
    images = 128 + 20 * torch.randn(64, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    changed = augment(images, torch.Generator().manual_seed(1))
    share = _fine_share(changed) / _fine_share(images)
    assert 0.05 < float((share < 0.8).float().mean()) < 0.5
    assert 0.03 < float((share > 1.01).float().mean()) < 0.4


def test_a_blur_keeps_the_mean_and_spreads_by_its_own_sigma() -> None:
    images = torch.zeros(2, 3, 33, 33)
    images[:, :, 16, 16] = 1
    blurred = augment_module._blur(images, torch.tensor([1.0, 2.0]).view(2, 1, 1, 1))
    assert torch.allclose(blurred.sum((2, 3)), torch.ones(2, 3), atol=1e-4)
    squares = (torch.arange(33) - 16.0) ** 2
    variance = (blurred.sum(3) * squares).sum(2)
    assert torch.allclose(variance, torch.tensor([[1.0], [4.0]]).expand(2, 3), rtol=0.1)


def _fine_share(images: torch.Tensor) -> torch.Tensor:
    """Return the difference between neighbouring pixels over the contrast, per patch."""
    return (images[..., 1:] - images[..., :-1]).std((1, 2, 3)) / images.std((1, 2, 3))
