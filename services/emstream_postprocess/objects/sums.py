"""Sums over the voxels of each piece: whole numbers that add up, so results do not depend on how a volume was cut.

All are taken over runs of voxels along x, of which there are few.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream_postprocess.objects.blocks import Block
from emstream_postprocess.objects.surface import CLASSES, crossings

INT64 = NDArray[np.int64]
Table = NDArray[Any]
"""One row of `SUMS` per piece or object."""
SUMS = np.dtype(
    [
        ("voxels", "<i8"),
        ("first", "<i8"),
        ("start", "<i8", 3),
        ("stop", "<i8", 3),
        ("sums", "<i8", 3),
        ("products", "<i8", 6),
        ("crossings", "<i8", len(CLASSES)),
        ("probability", "<i8"),
        ("uncertainty", "<i8"),
    ]
)
"""first: index of the first voxel in z, y, x order in the whole volume. start, stop: the box. sums: of z, y, x.
products: of zz, yy, xx, zy, zx, yx. crossings: see `surface`. probability, uncertainty: sums of uint8."""
PRODUCTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
NOWHERE = np.iinfo(np.int64).max
SINGLE_PASS = np.array([round(4 * v * (255 - v) / 255) for v in range(256)], np.uint8)
"""4 p (1 - p) as uint8 for p = v / 255: how unsure a single pass is."""


def empty_table(count: int) -> Table:
    """Return rows of no voxels, which change nothing when merged."""
    table = np.zeros(count, SUMS)
    table["first"], table["start"] = NOWHERE, NOWHERE
    return table


def sum_block(block: Block, z_start: int, size_yx: tuple[int, int], spread: NDArray[np.uint8] | None) -> Table:
    """Return the sums of a block's pieces, over its core, in order of their numbers.

    z_start: of the slab in the volume. size_yx: of the volume's sections. spread: uint8 (z, y, x) of the core.
    """
    table = empty_table(block.count)
    inside = block.core_mask
    starts, lengths = _runs(inside)
    if not len(starts):
        return table
    z, rest = np.divmod(starts, (inside.shape[1]) * (inside.shape[2] + 1))
    y, x = np.divmod(rest, inside.shape[2] + 1)
    piece = block.core_labels[z, y, x].astype(np.int64) - 1
    local = np.stack([z, y, x])
    origin = np.array([z_start, block.core.start[1], block.core.start[2]], np.int64)
    _sum_places(table, piece, local, lengths, origin)
    corner = local + origin[:, None]
    np.minimum.at(table["first"], piece, (corner[0] * size_yx[0] + corner[1]) * size_yx[1] + corner[2])
    probability = block.probability[inside]
    uncertainty = SINGLE_PASS[probability] if spread is None else spread[inside]
    begins = np.cumsum(lengths) - lengths  # of the runs, among the voxels that are set
    for name, values in (("probability", probability), ("uncertainty", uncertainty)):
        table[name] = _added(piece, np.add.reduceat(values, begins, dtype=np.int64), len(table))
    table["crossings"] = crossings(block.mask, piece, local, lengths, block.count)
    return table


def merge(table: Table, owner: INT64, count: int) -> Table:
    """Return `count` rows, each the sum of the rows that it owns. owner: a row's owner, 0 .. count - 1."""
    order = np.argsort(owner, kind="stable")
    owners, begins = np.unique(owner[order], return_index=True)
    merged = empty_table(count)
    if not len(owners):
        return merged
    for name in SUMS.names or ():
        how = {"first": np.minimum, "start": np.minimum, "stop": np.maximum}.get(name, np.add)
        merged[name][owners] = how.reduceat(table[name][order], begins, axis=0)
    return merged


def _runs(mask: NDArray[np.bool_]) -> tuple[INT64, INT64]:
    """Return starts and lengths of runs along x; starts index the mask with one more column."""
    padded = np.zeros((*mask.shape[:2], mask.shape[2] + 1), bool)
    padded[:, :, :-1] = mask
    flat = padded.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        edges = np.concatenate([[0], edges])
    return edges[::2], edges[1::2] - edges[::2]


def _sum_places(table: Table, piece: INT64, corner: INT64, lengths: INT64, origin: INT64) -> None:
    """Add up counts, coordinates, their products, and boxes; in local coordinates, which floats hold exactly."""
    n, (z, y, x) = lengths, corner
    along = n * x + n * (n - 1) // 2
    squares = n * x * x + x * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
    count = len(table)
    voxels = _added(piece, n, count)
    sums = np.stack([_added(piece, v, count) for v in (n * z, n * y, along)], axis=1)
    local = (n * z * z, n * y * y, squares, n * z * y, z * along, y * along)
    products = np.stack([_added(piece, v, count) for v in local], axis=1)
    for k, (i, j) in enumerate(PRODUCTS):
        products[:, k] += origin[i] * sums[:, j] + origin[j] * sums[:, i] + origin[i] * origin[j] * voxels
    table["voxels"], table["products"], table["sums"] = voxels, products, sums + voxels[:, None] * origin
    start, stop = table["start"], table["stop"]
    for axis, (low, high) in enumerate(((z, z + 1), (y, y + 1), (x, x + n))):
        np.minimum.at(start[:, axis], piece, low + origin[axis])
        np.maximum.at(stop[:, axis], piece, high + origin[axis])


def _added(piece: INT64, values: INT64, count: int) -> INT64:
    return np.bincount(piece, values, count).astype(np.int64)
