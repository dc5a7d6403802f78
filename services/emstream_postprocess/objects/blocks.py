"""A slab's pieces, block by block: what is connected within one block of it.

Objects are 26-connected: what touches anywhere, also at a corner, is one object (the rule of cc3d and scikit-image).
So whatever lies on the other side of a surface is background, and surfaces add up over cuts exactly. Of an outline
(membranes) the objects are the profiles that it encloses: 4-connected, section by section, as a line of pixels that
touch at corners only still encloses.

    +--------+-+   A block reads two pixels more on all four sides, for its surface. One right and below is labelled,
    | core   | |   too: it is its neighbours' core, so each of its voxels has a number in both, and these numbers are
    |        | |   joined. Two voxels that touch lie together in at least one block so extended: the join is exact.
    +--------+ |
    +----------+   Largest arrays: of one block, uint8 and uint32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from emstream.jobs.record import Plan
from emstream.volume.files import opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes, Voxels

UINT8 = NDArray[np.uint8]
UINT32 = NDArray[np.uint32]
Labels = NDArray[Any]
"""Unsigned integers, 0 = none, as small as cc3d makes them."""
SIDE = 512
"""Side of a block's core in pixels, a multiple of a chunk's."""
MARGIN = 2
"""Pixels around a block's core at which its surface looks."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Where an object's voxels are read, in a slab of `shape` (z, y, x). Boxes are the slab's own.

    probability, spread: return uint8 (z, y, x) of a box. least: the smallest value that is structure. is_outline: the
    objects are what the structure encloses.
    """

    shape: tuple[int, int, int]
    probability: Callable[[Box], UINT8]
    least: int
    is_outline: bool = False
    spread: Callable[[Box], UINT8] | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A labelled block. core: its box in the slab.

    mask: (z + 2, y + 4, x + 4) bool, the core with its margin; False beyond the section, True above and below the slab.
    labels: (z, y + 1, x + 1), the core and what is right and below, pieces numbered from 1 to `count`; by one less in y
    and x at the slab's end. probability: uint8 (z, y, x) of the core, that of the objects.
    """

    core: Box
    mask: NDArray[np.bool_]
    labels: Labels
    count: int
    probability: UINT8

    @property
    def core_mask(self) -> NDArray[np.bool_]:
        """The core's mask, (z, y, x)."""
        inside: NDArray[np.bool_] = self.mask[1:-1, MARGIN:-MARGIN, MARGIN:-MARGIN]
        return inside

    @property
    def core_labels(self) -> Labels:
        """The core's labels, (z, y, x)."""
        _, height, width = self.core.shape
        return self.labels[:, :height, :width]


def plan_blocks(shape: tuple[int, int, int], side: int = SIDE) -> Iterator[Box]:
    """Yield the cores of a slab's blocks, rows before columns."""
    depth, height, width = shape
    for y in range(0, height, side):
        for x in range(0, width, side):
            yield Box((0, y, x), (depth, min(y + side, height), min(x + side, width)))


def label_block(layers: Layers, core: Box) -> Block:
    """Return a block with its pieces numbered; the same input gives the same numbers."""
    depth, height, width = layers.shape
    (_, y0, x0), (_, y1, x1) = core.start, core.stop
    top, left = max(y0 - MARGIN, 0), max(x0 - MARGIN, 0)
    outer = Box((0, top, left), (depth, min(y1 + MARGIN, height), min(x1 + MARGIN, width)))
    probability = layers.probability(outer)
    is_object = probability < layers.least if layers.is_outline else probability >= layers.least
    mask = np.zeros((depth + 2, y1 - y0 + 2 * MARGIN, x1 - x0 + 2 * MARGIN), bool)
    mask[[0, -1]] = True
    mask[1:-1, MARGIN - y0 + top :, MARGIN - x0 + left :][:, : outer.shape[1], : outer.shape[2]] = is_object
    labels, count = _connected(is_object[:, y0 - top : y1 - top + 1, x0 - left : x1 - left + 1], layers.is_outline)
    inside = probability[:, y0 - top : y1 - top, x0 - left : x1 - left]
    return Block(core, mask, labels, count, 255 - inside if layers.is_outline else inside)


def _connected(mask: NDArray[np.bool_], is_flat: bool) -> tuple[Labels, int]:
    if not mask.any():
        return np.zeros(mask.shape, np.uint32), 0
    # as uint8: for bool arrays of odd sides cc3d 4.1.1 may run out of provisional labels
    voxels = np.ascontiguousarray(mask).view(np.uint8)
    if not is_flat:
        labels, count = cc3d.connected_components(voxels, connectivity=26, return_N=True)
        return labels, int(count)
    labels, count = np.zeros(mask.shape, np.uint32), 0
    for z, section in enumerate(voxels):
        found, more = cc3d.connected_components(section, connectivity=4, return_N=True)
        labels[z] = np.where(found > 0, found.astype(np.uint32) + np.uint32(count), np.uint32(0))
        count += int(more)
    return labels, count


class Seams:
    """Which pieces of neighbouring blocks share a voxel. Blocks come in the order of `plan_blocks`.

    Holds the labels of one row of blocks' last rows, and of one block's last column.
    """

    def __init__(self) -> None:
        self._above: dict[int, UINT32] = {}
        self._left: UINT32 | None = None

    def join(self, block: Block, first: int) -> NDArray[np.int64]:
        """Return pairs (n, 2) of pieces that are one, numbered through the slab, this block's from `first`."""
        (_, y, x), (_, height, width) = block.core.start, block.core.shape
        labels, pairs = block.labels, [np.zeros((0, 2), np.int64)]
        if x and self._left is not None:
            pairs.append(shared(self._left, in_slab(labels[:, :, 0], first)))
        if y:
            pairs.append(shared(self._above[x], in_slab(labels[:, 0], first)))
        self._left = in_slab(labels[:, :, width], first) if labels.shape[2] > width else None
        if labels.shape[1] > height:
            self._above[x] = in_slab(labels[:, height], first)
        return np.concatenate(pairs)


def in_slab(labels: Labels, first: int) -> UINT32:
    """Return a block's numbers as the slab's, whose first of this block is `first`; 0 stays 0."""
    return np.where(labels > 0, labels.astype(np.uint32) + np.uint32(first - 1), np.uint32(0))


def shared(one: UINT32, other: UINT32) -> NDArray[np.int64]:
    """Return the pairs (n, 2) of numbers at the same places, each once; 0 is none.

    >>> shared(np.array([0, 1, 1, 2], np.uint32), np.array([5, 5, 5, 0], np.uint32)).tolist()
    [[1, 5]]
    """
    both = (one > 0) & (other > 0)
    codes = np.unique(one[both].astype(np.uint64) << np.uint64(32) | other[both])
    return np.stack([codes >> np.uint64(32), codes & np.uint64(0xFFFFFFFF)], axis=1).astype(np.int64)


def read_region(
    path_of: Callable[[int], Path], plan: Plan, dataset: str, box: Box, dtype: type[np.uint8 | np.uint32]
) -> Voxels:
    """Return the voxels of a box of the volume, (z, y, x); 0 where a slab is missing. path_of: a slab's file."""
    voxels = np.zeros(box.shape, dtype)
    (z0, y0, x0), (z1, y1, x1) = box.start, box.stop
    for slab in plan.slabs[z0 // plan.slab_sections : -(-z1 // plan.slab_sections)]:
        path, low, high = path_of(slab.index), max(z0, slab.z_start), min(z1, slab.z_stop)
        if path.exists():
            with opened(path) as file:
                part = Box((low - slab.z_start, y0, x0), (high - slab.z_start, y1, x1))
                voxels[low - z0 : high - z0] = Planes.open(file, dataset).read_box(part)
    return voxels
