"""Pieces of all slabs united to objects, from faces and tables only.

1. Pieces that share a voxel within a slab, and those that touch across two slabs' faces, are one (union-find).
2. Each object's sums are those of its pieces, and of the surface on the faces.
3. Objects of fewer voxels than asked for are dropped; the others are numbered by first voxel in z, y, x order.

Largest arrays: the tables, and a strip of two faces.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.errors import VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import Box, Slab
from emstream.volume.planes import Planes
from emstream_postprocess.objects.blocks import MARGIN, SIDE, Layers, label_block, plan_blocks, shared
from emstream_postprocess.objects.pieces import FIRST, LAST, Pieces, layers_of, read_pieces
from emstream_postprocess.objects.sums import SUMS, Table, merge
from emstream_postprocess.objects.surface import CLASSES

INT64 = NDArray[np.int64]
UINT32 = NDArray[np.uint32]
STRIP = 512
"""Rows of a face that are compared at once."""
DOWN = [(k, d[1:]) for k, d in enumerate(CLASSES) if d[0] == 1]
"""The directions to the next section: class, (y, x)."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Objects. table: their sums, row by row in order of their ids 1, 2, ... dropped: how many were too small.

    numbers: per slab the id of each of its pieces, uint32, 0 for a dropped one; empty where the slab is missing.
    """

    table: Table
    numbers: list[UINT32]
    dropped: int


def join_pieces(slabs: Sequence[Pieces | None], size_yx: tuple[int, int], min_voxels: int, is_flat: bool) -> Joined:
    """Return the objects of all slabs. None: a slab that is missing, which counts as background.

    is_flat: objects do not reach beyond their section.
    """
    counts = [0 if slab is None else len(slab.table) for slab in slabs]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    table = np.concatenate([np.zeros(0, SUMS), *(slab.table for slab in slabs if slab is not None)])
    pairs = [slab.seams + offsets[k] - 1 for k, slab in enumerate(slabs) if slab is not None]
    if not is_flat:
        for k in range(len(slabs) + 1):
            above, below = slabs[k - 1] if k else None, slabs[k] if k < len(slabs) else None
            pairs += _join_faces(above, below, table, offsets[max(k - 1, 0)], offsets[k], size_yx)
    roots = unite(len(table), np.concatenate([np.zeros((0, 2), np.int64), *pairs]))
    heads, owner = np.unique(roots, return_inverse=True)
    merged = merge(table, owner, len(heads))
    kept = np.flatnonzero(merged["voxels"] >= max(min_voxels, 1))
    kept = kept[np.argsort(merged["first"][kept])]
    ids = np.zeros(len(heads), np.uint32)
    ids[kept] = np.arange(1, len(kept) + 1)
    numbers = [ids[owner[start:stop]] for start, stop in itertools.pairwise(offsets)]
    return Joined(merged[kept], numbers, len(heads) - len(kept))


def unite(count: int, pairs: INT64) -> INT64:
    """Return for each of `count` things the least of those that the pairs (n, 2) unite it with.

    >>> unite(5, np.array([[3, 1], [4, 3]])).tolist()
    [0, 1, 2, 1, 1]
    """
    parent = np.arange(count, dtype=np.int64)
    while True:
        one, other = parent[pairs[:, 0]], parent[pairs[:, 1]]
        differ = one != other
        if not differ.any():
            return parent
        np.minimum.at(parent, np.maximum(one, other)[differ], np.minimum(one, other)[differ])
        while True:
            grand = parent[parent]
            if (grand == parent).all():
                break
            parent = grand


def _join_faces(
    above: Pieces | None, below: Pieces | None, table: Table, above_from: int, below_from: int, size_yx: tuple[int, int]
) -> list[INT64]:
    """Return the pairs of rows that touch across a face, and add the face's surface to the table."""
    pairs = []
    for y in range(0, size_yx[0], STRIP):
        stop = min(y + STRIP, size_yx[0])
        upper, lower = (_strip(slab, end, y, stop, size_yx) for slab, end in ((above, LAST), (below, FIRST)))
        upper_core, lower_core = _shifted(upper, 0, 0), _shifted(lower, 0, 0)
        for k, (dy, dx) in DOWN:
            lower_far, upper_far = _shifted(lower, dy, dx), _shifted(upper, -dy, -dx)
            if max(abs(dy), abs(dx)) <= 1:
                pairs.append(shared(upper_core, lower_far) + np.array([above_from - 1, below_from - 1]))
            # each pair of voxels is counted from the side whose voxel lies in the strip's own rows
            _cross(table, k, upper_core[(upper_core > 0) & (lower_far == 0)], above_from)
            _cross(table, k, lower_core[(lower_core > 0) & (upper_far == 0)], below_from)
    return pairs


def _cross(table: Table, k: int, numbers: UINT32, offset: int) -> None:
    np.add.at(table["crossings"][:, k], numbers.astype(np.int64) + (offset - 1), 1)


def _strip(slab: Pieces | None, end: int, y: int, stop: int, size_yx: tuple[int, int]) -> UINT32:
    """Return rows [y, stop) of a face with its margin, 0 beyond the section."""
    strip = np.zeros((stop - y + 2 * MARGIN, size_yx[1] + 2 * MARGIN), np.uint32)
    if slab is not None:
        low, high = max(y - MARGIN, 0), min(stop + MARGIN, size_yx[0])
        strip[low - y + MARGIN : high - y + MARGIN, MARGIN:-MARGIN] = slab.face(end, low, high)
    return strip


def _shifted(strip: UINT32, dy: int, dx: int) -> UINT32:
    rows, columns = strip.shape
    return strip[MARGIN + dy : rows - MARGIN + dy, MARGIN + dx : columns - MARGIN + dx]


def write_joined(folder: JobFolder, plan: Plan, min_voxels: int, made_for: str, check: Check = lambda: None) -> None:
    """Publish objects/joined.h5 from the slabs' pieces: `<object>/sums` and `<object>/numbers/<slab>`."""
    with publishing(folder.joined_path, check) as part, created(part) as file:
        file.attrs["made_for"] = made_for
        for name in plan.objects:
            joined = _join(folder, plan, name, min_voxels)
            group = file.create_group(name)
            group.attrs["dropped"] = joined.dropped
            group.create_dataset("sums", data=joined.table)
            for slab, numbers in zip(plan.slabs, joined.numbers, strict=True):
                group.create_dataset(f"numbers/{slab.index:05d}", data=numbers)


def _join(folder: JobFolder, plan: Plan, name: str, min_voxels: int) -> Joined:
    with ExitStack() as stack:
        paths = [folder.pieces(slab.index) for slab in plan.slabs]
        slabs = [stack.enter_context(read_pieces(path, name)) if path.exists() else None for path in paths]
        return join_pieces(slabs, plan.shape_zyx[1:], min_voxels, name in plan.outlines)


def numbered_blocks(layers: Layers, numbers: UINT32, side: int = SIDE) -> Iterator[tuple[Box, Callable[[int], UINT32]]]:
    """Yield each block's core, and what gives its objects' numbers (y, x) in a section.

    numbers: of the slab's pieces, in their order.
    """
    first = 0
    for core in plan_blocks(layers.shape, side):
        block = label_block(layers, core)
        of_block = np.concatenate([[0], numbers[first : first + block.count]]).astype(np.uint32)
        if len(of_block) <= block.count:
            break
        yield core, lambda z, labels=block.core_labels, of=of_block: of[labels[z]]  # type: ignore[misc]  # bound here
        first += block.count
        del block
    if first != len(numbers):
        raise VolumeDamaged("the numbers of objects do not fit the masks: delete the job's folder objects, and retry")


def write_labels(
    folder: JobFolder, plan: Plan, slab: Slab, final: Path, check: Check = lambda: None, side: int = SIDE
) -> None:
    """Publish a slab's labels as joined at `final`. check: called before each block and before publishing."""
    with (
        opened(folder.result(slab.index)) as result,
        opened(folder.joined_path) as joined,
        publishing(final, check) as part,
        created(part) as file,
    ):
        file.attrs["made_for"] = joined.attrs["made_for"]
        for name in plan.objects:
            layers = layers_of(result, plan, name)
            planes = Planes.create(file, f"{name}/labels", layers.shape, "zstd", np.uint32)
            numbers = joined[f"{name}/numbers/{slab.index:05d}"][()]
            for core, section in numbered_blocks(layers, numbers, side):
                check()
                for z in range(layers.shape[0]):
                    planes.put(z, planes.encode_block(core.start[1:], section(z)))
