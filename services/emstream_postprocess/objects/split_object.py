"""Objects that merely touch, cut where they are narrow: a watershed of the distance to the object's outside.

Each summit of the distance begins a part. Two parts are one after all if the neck between them is at least `NECK` times
as wide as the narrower of their summits, or if one of them has too few voxels; the widest necks are closed first. All
is decided in the object's own box, so slabs and packages have no say. Largest arrays: some of the box's size, float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emstream_postprocess.objects.surface import NEIGHBOURS, Voxel

Mask = NDArray[np.bool_]
Labels = NDArray[np.uint32]
NECK = 0.65
"""Of the narrower summit's distance: mitochondria keep their own waists, touching ones come apart."""


def split(mask: Mask, voxel: Voxel, min_voxels: int) -> tuple[Labels, int]:
    """Return the parts of one object (z, y, x), numbered by first voxel from 1, and how many there are."""
    from scipy import ndimage
    from skimage.morphology import local_maxima
    from skimage.segmentation import watershed

    padded = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(padded, sampling=voxel)
    summits, count = ndimage.label(local_maxima(distance, connectivity=3) & padded, np.ones((3, 3, 3)))
    if count < 2:
        return mask.astype(np.uint32), 1
    basins = watershed(-distance, summits, connectivity=np.ones((3, 3, 3)), mask=padded)
    parent = _closed(distance, basins, count, min_voxels)
    return _by_first_voxel(parent[basins][1:-1, 1:-1, 1:-1])


def _closed(distance: NDArray[np.float64], basins: NDArray[np.int32], count: int, min_voxels: int) -> NDArray[np.int64]:
    """Return each basin's part, once all necks that are too wide are closed; 0 stays 0."""
    necks = _necks(distance, basins)
    flat, sizes = basins.ravel(), np.bincount(basins.ravel(), minlength=count + 1)
    peaks = np.zeros(count + 1)
    np.maximum.at(peaks, flat, distance.ravel())
    parent = np.arange(count + 1)
    for one, other, width in necks:
        a, b = _root(parent, one), _root(parent, other)
        if a == b:
            continue
        if width >= NECK * min(peaks[a], peaks[b]) or min(sizes[a], sizes[b]) < min_voxels:
            parent[max(a, b)] = min(a, b)
            sizes[min(a, b)] = sizes[a] + sizes[b]
            peaks[min(a, b)] = max(peaks[a], peaks[b])
    return np.array([_root(parent, k) for k in range(count + 1)])


def _root(parent: NDArray[np.int64], k: int) -> int:
    while parent[k] != k:
        k = int(parent[k])
    return k


def _necks(distance: NDArray[np.float64], basins: NDArray[np.int32]) -> list[tuple[int, int, float]]:
    """Return (one, other, width) of each two basins that touch, widest first; ties in order of numbers."""
    widths: dict[int, float] = {}
    count = int(basins.max()) + 1
    for direction in NEIGHBOURS:
        here = tuple(slice(max(-d, 0), n - max(d, 0)) for d, n in zip(direction, basins.shape, strict=True))
        there = tuple(slice(max(d, 0), n - max(-d, 0)) for d, n in zip(direction, basins.shape, strict=True))
        one, other = basins[here], basins[there]
        touch = (one != other) & (one > 0) & (other > 0)
        low, high = np.minimum(one[touch], other[touch]), np.maximum(one[touch], other[touch])
        codes, which = np.unique(low.astype(np.int64) * count + high, return_inverse=True)
        widest = np.zeros(len(codes))
        np.maximum.at(widest, which, np.minimum(distance[here][touch], distance[there][touch]))
        for code, width in zip(codes.tolist(), widest.tolist(), strict=True):
            widths[code] = max(widths.get(code, 0.0), width)
    order = sorted(widths, key=lambda code: (-widths[code], code))
    return [(*divmod(code, count), widths[code]) for code in order]


def _by_first_voxel(parts: NDArray[np.int64]) -> tuple[Labels, int]:
    names, first = np.unique(parts, return_index=True)
    names = names[np.argsort(first)]
    names = names[names > 0]
    numbers = np.zeros(int(parts.max()) + 1, np.uint32)
    numbers[names] = np.arange(1, len(names) + 1)
    return numbers[parts], len(names)
