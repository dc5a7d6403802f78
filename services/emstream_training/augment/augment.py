"""Random changes of grey values, as microscopes and microscopists make them; on torch batches, reproducible by seed.

Contrast, brightness, gamma, sharpness, Gaussian noise and salt-and-pepper noise change; shapes change earlier
(`patches`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates
from torch import Tensor, nn

SALT_PEPPER_SHARE = 0.25
"""Share of the patches with salt-and-pepper noise in up to 12 % of their pixels, a little more than the paper tests."""
NOISE_SHARE = 0.4
"""Share of the patches with Gaussian noise: fast scans are noisy, slow ones hardly."""
BLUR_SHARE = 0.2
"""Share of the patches that are blurred: sections out of focus, or filtered."""
LARGEST_BLUR = 1.4
"""Largest standard deviation of the blur, in pixels; stacks that were filtered against noise have 1."""
SHARPEN_SHARE = 0.1
"""Share of the patches that are sharpened: raw scans have five times the fine detail of filtered ones."""
LARGEST_SHARPENING = 1.2
"""Largest gain on the difference to a blur of one pixel."""
BLUR_REACH = 6
"""Half-width of the blur's kernel in pixels."""

Uniform = Callable[[float, float], Tensor]
"""Draws one number per patch, (n, 1, 1, 1), between two limits."""


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return changed images of the same shape, clipped to 0..255. images: float32 (n, sections, h, w), 0..255."""
    n = images.shape[0]

    def uniform(low: float, high: float, shape: tuple[int, ...] = (n, 1, 1, 1)) -> Tensor:
        return torch.rand(shape, generator=generator) * (high - low) + low

    images = images / 255
    images = images.clamp(0, 1) ** torch.exp(uniform(-0.4, 0.4))
    images = (images - 0.5) * torch.exp(uniform(-0.45, 0.35)) + 0.5 + uniform(-0.15, 0.15)
    images = images + uniform(-0.03, 0.03, (n, images.shape[1], 1, 1))  # sections differ a little in brightness
    images = _focus(images, uniform)
    sigma = uniform(0, 0.1) * (uniform(0, 1) < NOISE_SHARE)
    images = images + torch.randn(images.shape, generator=generator) * sigma
    rate = uniform(0, 0.12) * (uniform(0, 1) < SALT_PEPPER_SHARE)
    draw = torch.rand(images.shape, generator=generator)
    images = torch.where(draw < rate / 2, 0.0, torch.where(draw > 1 - rate / 2, 1.0, images))
    return images.clamp(0, 1) * 255


def _focus(images: Tensor, uniform: Uniform) -> Tensor:
    """Blur some patches and sharpen others."""
    draw = uniform(0, 1)
    is_sharpened = draw > 1 - SHARPEN_SHARE
    sigma, gain = uniform(0.3, LARGEST_BLUR), uniform(0, LARGEST_SHARPENING)
    blurred = _blur(images, torch.where(is_sharpened, 1.0, sigma))
    changed = torch.where(is_sharpened, images + gain * (images - blurred), blurred)
    return torch.where((draw < BLUR_SHARE) | is_sharpened, changed, images)


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Return images (n, sections, h, w), each blurred by its own standard deviation in pixels (n, 1, 1, 1)."""
    n, sections, height, width = images.shape
    kernels = torch.exp(-(torch.arange(-BLUR_REACH, BLUR_REACH + 1.0) ** 2) / (2 * sigma.view(n, 1) ** 2))
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(sections, 0)
    planes = images.reshape(1, n * sections, height, width)
    convolve, side = nn.functional.conv2d, 2 * BLUR_REACH + 1
    rows = convolve(planes, kernels.view(-1, 1, side, 1), padding=(BLUR_REACH, 0), groups=n * sections)
    both = convolve(rows, kernels.view(-1, 1, 1, side), padding=(0, BLUR_REACH), groups=n * sections)
    return both.view(images.shape)


UINT8 = NDArray[np.uint8]
FLOAT = NDArray[np.float32]

ELASTIC_SHARE = 0.2
"""Share of the patches that are deformed: it is the slowest change, and turns and scales vary shapes already."""
NODE_PIXELS = 48
"""Distance in pixels between two nodes of the random field."""
LARGEST_MOVE = 12.0
"""Maximum move of a node in pixels: a quarter of the distance between two, so that nothing folds."""


def deform(image: UINT8, label: UINT8, random: np.random.Generator) -> tuple[UINT8, UINT8]:
    """Return a patch deformed by one smooth random field, the same for all its sections and the label.

    image: uint8 (sections, side, side), interpolated; label: uint8 (side, side), values kept. Beyond the edge the patch
    is mirrored.
    """
    side = label.shape[0]
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    places = np.stack([rows + _field(side, random), columns + _field(side, random)])
    moved = [map_coordinates(plane, places, order=1, mode="mirror") for plane in image]
    return np.stack(moved), np.asarray(map_coordinates(label, places, order=0, mode="mirror"), np.uint8)


def _field(side: int, random: np.random.Generator) -> FLOAT:
    """Return the move of each pixel along one axis in pixels: float32 (side, side)."""
    nodes = side // NODE_PIXELS + 2
    moves = random.uniform(-1, 1, (nodes, nodes)) * random.uniform(0.2, 1) * LARGEST_MOVE
    smooth = Image.fromarray(moves.astype(np.float32)).resize((nodes * NODE_PIXELS,) * 2, Image.Resampling.BICUBIC)
    top, left = random.integers(0, NODE_PIXELS, 2)
    return np.asarray(smooth, np.float32)[top : top + side, left : left + side]
