"""Surface area by counting where lines of voxels enter and leave an object (Cauchy-Crofton), over 17 directions.

The directions are those to a voxel's 26 neighbours, and four steeper ones between sections, which thick sections need.
A lattice line in direction d stands for a cross-section of (voxel volume / length of d); the mean over directions of
the cross-section that an object's crossings show, times 4 / 2, is its area. A direction's weight is the part of the
sphere that is nearer to it than to the others, in micrometres: so thick sections count as what they are.
Lang, Ohser & Hilfer, J. Microscopy 203 (2001); Legland, Kieu & Devaux, Image Analysis & Stereology 26 (2007).
In a section, of profiles, the same over 4 directions gives the perimeter, with pi / 2 instead of 2.

Spheres of radius 10 (of the finest voxel), placed at random, come out right within 0.2 % (standard deviation; mean
-0.3 %) with isotropic voxels, and 1.2 % (mean -0.6 %) with sections three times as thick; where the middle lies exactly
between voxels it may be 5 % too small there, as the digital ball itself is too small then (its volume by up to 4.5 %).
Voxels beyond the volume count as background: an object that it cuts is closed there.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emstream.volume.voxel_size import KnownSize
from emstream_postprocess.objects.blocks import MARGIN

INT64 = NDArray[np.int64]
NEIGHBOURS = tuple(d for d in itertools.product((0, 1), (-1, 0, 1), (-1, 0, 1)) if d > (0, 0, 0))
CLASSES = (*NEIGHBOURS, (1, -2, 0), (1, 2, 0), (1, 0, -2), (1, 0, 2))
"""The 17 directions (z, y, x), one of each opposite two."""
SAMPLES = 200_000


def crossings(mask: NDArray[np.bool_], piece: INT64, corner: INT64, lengths: INT64, count: int) -> INT64:
    """Return, per piece of a block, how often the lines of each direction cross its surface, (count, 17).

    mask: the block's, with its margin. piece, corner (z, y, x; of the core), lengths: of its runs along x. Neighbours
    above and below the slab do not count here: `join` adds them.
    """
    height, width = mask.shape[1], mask.shape[2] + 1
    before = np.zeros((mask.shape[0], height, width), np.uint16)  # how many are set in the row before a place
    np.cumsum(mask, axis=2, dtype=np.uint16, out=before[:, :, 1:])
    flat = before.ravel()
    start = ((corner[0] + 1) * height + corner[1] + MARGIN) * width + corner[2] + MARGIN
    counts = np.zeros((count, len(CLASSES)), np.int64)
    for k, (dz, dy, dx) in enumerate(CLASSES):
        step = (dz * height + dy) * width + dx
        outside = 2 * lengths
        for begin in (start + step, start - step):
            outside -= flat[begin + lengths].astype(np.int64) - flat[begin]
        counts[:, k] = np.bincount(piece, outside, count).astype(np.int64)
    return counts


@lru_cache(maxsize=8)
def area_weights(voxel: KnownSize) -> NDArray[np.float64]:
    """Return what a crossing in each of the 17 directions adds to the surface area, in the square of voxel's unit."""
    steps = np.array(CLASSES, float) * voxel
    lengths = np.linalg.norm(steps, axis=1)
    share = _shares(steps / lengths[:, None], _sphere())
    return np.asarray(2 * share * np.prod(voxel) / lengths)


@lru_cache(maxsize=8)
def perimeter_weights(voxel: KnownSize) -> NDArray[np.float64]:
    """Return what a crossing in each of the 17 directions adds to the perimeter of a profile in a section."""
    steps = np.array(CLASSES, float) * voxel
    is_flat = np.array([z == 0 for z, _, _ in CLASSES])
    lengths = np.linalg.norm(steps, axis=1)
    angles = np.pi * (np.arange(SAMPLES) + 0.5) / SAMPLES
    circle = np.stack([np.zeros(SAMPLES), np.sin(angles), np.cos(angles)], axis=1)
    weights = np.zeros(len(CLASSES))
    share = _shares(steps[is_flat] / lengths[is_flat, None], circle)
    weights[is_flat] = np.pi / 2 * share * voxel[1] * voxel[2] / lengths[is_flat]
    return weights


def mean_step(voxel: KnownSize, weights: NDArray[np.float64]) -> float:
    """Return the mean distance of neighbours on the lattice's lines, over the directions that the weights stand for."""
    lengths = np.linalg.norm(np.array(CLASSES, float) * voxel, axis=1)
    return float(np.sum(weights * lengths**2) / np.sum(weights * lengths))


def _sphere() -> NDArray[np.float64]:
    """Return evenly spread unit vectors (a Fibonacci lattice on half of the sphere)."""
    k = np.arange(SAMPLES)
    z = (k + 0.5) / SAMPLES
    angle = k * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z * z)
    return np.stack([z, radius * np.sin(angle), radius * np.cos(angle)], axis=1)


def _shares(directions: NDArray[np.float64], samples: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest = np.abs(samples @ directions.T).argmax(axis=1)
    return np.bincount(nearest, minlength=len(directions)) / len(samples)
