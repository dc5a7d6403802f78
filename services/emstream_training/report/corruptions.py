"""Corruptions of 8-bit sections: noise, blur, contrast, a missing section. Pure functions, reproducible by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UINT8 = NDArray[np.uint8]
"""A section (y, x), 0..255."""
STRIP_VOXELS = 2**22
"""Number of voxels that are computed at a time."""
MID_GREY = 128
"""Grey value that contrast leaves as it is: the networks' own zero."""
BLUR_REACH = 4
"""Distance, in standard deviations, at which a Gaussian is cut off."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """One change of a stack. apply(section, z, depth): returns the changed section z of `depth` sections."""

    key: str
    label: str
    apply: Callable[[UINT8, int, int], UINT8]

    @property
    def name(self) -> str:
        """Label on one line."""
        return self.label.replace("\n", " ")


def missing_z(depth: int) -> int:
    """Return the index of the section that is missing in a stack of `depth` sections: the middle one."""
    return depth // 2


def salt_and_pepper(section: UINT8, share: float, seed: tuple[int, ...]) -> UINT8:
    """Return the section with about `share` of its pixels replaced, half of them by 0 and half by 255.

    Pixels are drawn independently; the same seed and shape give the same pixels. Largest array: one copy.
    """
    random = np.random.default_rng(seed)
    noisy = section.copy()
    for rows in _strips(section.shape):
        drawn = random.random(noisy[rows].shape, np.float32)
        noisy[rows][drawn < share / 2] = 0
        noisy[rows][drawn >= 1 - share / 2] = 255
    return noisy


def blur(section: UINT8, sigma: float) -> UINT8:
    """Return the section blurred by a Gaussian of `sigma` pixels; borders are repeated.

    Largest arrays: the section as float32, three times.
    """
    reach = int(np.ceil(BLUR_REACH * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    rows = _blurred_rows(section.astype(np.float32), weights)
    both = _blurred_rows(np.ascontiguousarray(rows.T), weights).T
    return np.ascontiguousarray(np.rint(both), np.uint8)


def contrast(section: UINT8, factor: float) -> UINT8:
    """Return the section with grey values moved away from (factor > 1) or towards mid grey, clipped.

    >>> contrast(np.array([[28, 128, 228]], np.uint8), 0.5)
    array([[ 78, 128, 178]], dtype=uint8)
    """
    table = np.clip(np.rint(MID_GREY + factor * (np.arange(256) - MID_GREY)), 0, 255).astype(np.uint8)
    corrected: UINT8 = table[section]
    return corrected


def _drop_middle(section: UINT8, z: int, depth: int) -> UINT8:
    return np.zeros_like(section) if z == missing_z(depth) else section


MISSING = Corruption("missing_section", "section\nmissing", _drop_middle)
CORRUPTIONS = (
    Corruption("salt_and_pepper_5", "noise\n5 %", lambda section, z, _: salt_and_pepper(section, 0.05, (5, z))),
    Corruption("salt_and_pepper_10", "noise\n10 %", lambda section, z, _: salt_and_pepper(section, 0.10, (10, z))),
    Corruption("blur_1", "blur\n1 px", lambda section, *_: blur(section, 1)),
    Corruption("blur_2", "blur\n2 px", lambda section, *_: blur(section, 2)),
    Corruption("contrast_0.6", "contrast\n× 0.6", lambda section, *_: contrast(section, 0.6)),
    Corruption("contrast_1.4", "contrast\n× 1.4", lambda section, *_: contrast(section, 1.4)),
    MISSING,
)


def _blurred_rows(image: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the image convolved along axis 0."""
    reach, height = len(weights) // 2, len(image)
    padded = np.pad(image, [(reach, reach), (0, 0)], mode="edge")
    blurred = np.zeros_like(image)
    for step, weight in enumerate(weights):
        for columns in _strips(image.shape[::-1]):
            blurred[:, columns] += weight * padded[step : step + height, columns]
    return blurred


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield slices of the first axis that hold about STRIP_VOXELS each."""
    step = max(1, STRIP_VOXELS // max(1, shape[1]))
    for start in range(0, shape[0], step):
        yield slice(start, start + step)
