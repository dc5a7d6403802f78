"""Faults between sections: a section is lost, or shifted by a few pixels against its neighbours.

The middle section, whose label is learned, never changes: a network of several sections learns to work without its
neighbours, and not to trust them more than it should.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UINT8 = NDArray[np.uint8]

MISSING_SHARE = 0.06
"""Share of the patches with a lost section; one section in twenty is a bad series."""
ALL_NOISE_SHARE = 0.1
"""Share of the patches with a lost section in which all neighbours are noise."""
SHIFTED_SHARE = 0.12
"""Share of the patches with shifted neighbours: series are aligned before they are segmented, never perfectly."""
LARGEST_SHIFT = 6
"""Maximum shift in pixels along each axis."""


def spoil_neighbours(image: UINT8, random: np.random.Generator) -> UINT8:
    """Return a patch (sections, side, side) uint8, in which neighbours may be shifted, missing or noise."""
    if len(image) == 1:
        return image
    if random.random() < SHIFTED_SHARE:
        image = _shift(image, random)
    if random.random() < MISSING_SHARE:
        image = _noise(image, random) if random.random() < ALL_NOISE_SHARE else _lose(image, random)
    return image


def _neighbours(image: UINT8) -> list[int]:
    middle = len(image) // 2
    return [index for index in range(len(image)) if index != middle]


def _lose(image: UINT8, random: np.random.Generator) -> UINT8:
    """Replace one neighbour by zeros, or by a copy of the section next to it on the way to the middle."""
    image, middle = image.copy(), len(image) // 2
    lost = int(random.choice(_neighbours(image)))
    image[lost] = image[lost + (1 if lost < middle else -1)] if random.random() < 0.5 else 0
    return image


def _noise(image: UINT8, random: np.random.Generator) -> UINT8:
    image = image.copy()
    for index in _neighbours(image):
        image[index] = random.integers(0, 256, image.shape[1:], np.uint8)
    return image


def _shift(image: UINT8, random: np.random.Generator) -> UINT8:
    """Shift each neighbour independently; edges are repeated."""
    image, side = image.copy(), image.shape[1]
    for index in _neighbours(image):
        top, left = random.integers(0, 2 * LARGEST_SHIFT + 1, 2)
        image[index] = np.pad(image[index], LARGEST_SHIFT, mode="edge")[top : top + side, left : left + side]
    return image
