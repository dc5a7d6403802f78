"""Random changes of grey values, as microscopes and microscopists make them; on torch batches, reproducible by seed.

Contrast, brightness, gamma, blur, Gaussian noise and salt-and-pepper noise change; shapes change earlier (`patches`).
"""

from __future__ import annotations

import torch
from torch import Tensor

SALT_PEPPER_SHARE = 0.25
"""Share of the patches with salt-and-pepper noise in up to 12 % of their pixels, a little more than the paper tests."""
NOISE_SHARE = 0.5
"""Share of the patches with Gaussian noise: fast scans are noisy, slow ones hardly."""
BLUR_SHARE = 0.2
"""Share of the patches that are blurred: few sections are out of focus."""


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return changed images of the same shape, clipped to 0..255. images: float32 (n, sections, h, w), 0..255."""
    n = images.shape[0]

    def uniform(low: float, high: float, shape: tuple[int, ...] = (n, 1, 1, 1)) -> Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    images = images / 255
    images = images.clamp(0, 1) ** torch.exp(uniform(-0.4, 0.4))
    images = (images - 0.5) * torch.exp(uniform(-0.45, 0.35)) + 0.5 + uniform(-0.15, 0.15)
    images = images + uniform(-0.03, 0.03, (n, images.shape[1], 1, 1))  # sections differ a little in brightness
    blurred = _blur(images)
    images = torch.where(uniform(0, 1) < BLUR_SHARE, blurred, images)
    sigma = uniform(0, 0.14) * (uniform(0, 1) < NOISE_SHARE)
    images = images + torch.randn(images.shape, generator=generator) * sigma
    rate = uniform(0, 0.12) * (uniform(0, 1) < SALT_PEPPER_SHARE)
    draw = torch.rand(images.shape, generator=generator)
    images = torch.where(draw < rate / 2, 0.0, torch.where(draw > 1 - rate / 2, 1.0, images))
    return images.clamp(0, 1) * 255


def _blur(images: Tensor) -> Tensor:
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    channels = images.shape[1]
    rows = torch.nn.functional.conv2d(
        images, kernel.view(1, 1, 5, 1).repeat(channels, 1, 1, 1), padding=(2, 0), groups=channels
    )
    return torch.nn.functional.conv2d(
        rows, kernel.view(1, 1, 1, 5).repeat(channels, 1, 1, 1), padding=(0, 2), groups=channels
    )
