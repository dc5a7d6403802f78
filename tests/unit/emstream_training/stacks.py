"""Small labelled stacks: smooth noise whose bright parts are the object."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream_training.data.labelled_files import LabelledStack
from emstream_training.data.sources import Source

UINT8 = NDArray[np.uint8]


def grey_stack(shape: tuple[int, int, int], seed: int = 0) -> UINT8:
    """Return smooth noise, (z, y, x) uint8, whose sections differ little from their neighbours."""
    depth, height, width = shape
    random = np.random.default_rng(seed)
    ends = [random.integers(20, 235, (height // 12 + 2, width // 12 + 2)).astype(np.float32) for _ in range(2)]
    first, last = (Image.fromarray(end).resize((width, height), Image.Resampling.BICUBIC) for end in ends)
    share = np.linspace(0, 1, depth, dtype=np.float32)[:, None, None]
    mixed: UINT8 = (np.asarray(first) * (1 - share) + np.asarray(last) * share).clip(1, 254).astype(np.uint8)
    return mixed


def truth_of(stack: UINT8) -> UINT8:
    """Return the labels 0 and 1 of a stack: what is bright."""
    return (stack > 140).astype(np.uint8)


def labelled(shape: tuple[int, int, int], seed: int = 0, **source: object) -> LabelledStack:
    """Return a labelled stack in memory."""
    images = grey_stack(shape, seed)
    described = Source.model_validate({"images": Path("images"), "labels": Path("labels"), **source})
    return LabelledStack(described, tuple(images), tuple(truth_of(images)))


def write_sections(folder: Path, stack: UINT8) -> Path:
    """Write PNG sections and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for z, section in enumerate(stack):
        Image.fromarray(section).save(folder / f"s{z}.png", compress_level=1)
    return folder
