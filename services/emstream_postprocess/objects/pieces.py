"""objects/<slab>.h5: a slab's pieces with their sums, which of them are one, and the numbers on its first and last
section, by which slabs are joined. Largest arrays: of one block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import Box, Slab
from emstream.volume.planes import Planes
from emstream_postprocess.objects.blocks import SIDE, Layers, Seams, in_slab, label_block, plan_blocks
from emstream_postprocess.objects.sums import SUMS, Table, sum_block
from emstream_postprocess.stitch import least_value

UINT32 = NDArray[np.uint32]
FIRST, LAST = 0, 1
"""The two planes of `faces`."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A slab's pieces of one object, numbered from 1. table: their sums. seams: pairs (n, 2) that are one.

    face: returns rows [y0, y1) of the numbers on the slab's first or last section, (y, x) uint32, 0 where none is.
    """

    table: Table
    seams: NDArray[np.int64]
    face: Callable[[int, int, int], UINT32]


def find_pieces(
    layers: Layers, z_start: int, keep_face: Callable[[Box, UINT32], None], side: int = SIDE
) -> tuple[Table, NDArray[np.int64]]:
    """Return sums and seams of a slab's pieces.

    keep_face: given each block's box and its numbers (2, y, x) on the slab's first and last section.
    """
    seams, tables, pairs, first = Seams(), [np.zeros(0, SUMS)], [np.zeros((0, 2), np.int64)], 1
    for core in plan_blocks(layers.shape, side):
        block = label_block(layers, core)
        pairs.append(seams.join(block, first))
        spread = layers.spread(core) if layers.spread and block.count else None
        tables.append(sum_block(block, z_start, layers.shape[1:], spread))
        keep_face(core, in_slab(block.core_labels[[0, -1]], first))
        first += block.count
        del block  # before the next one is read
    return np.concatenate(tables), np.concatenate(pairs)


def write_pieces(
    folder: JobFolder,
    plan: Plan,
    slab: Slab,
    with_spread: bool,
    made_for: str,
    check: Check = lambda: None,
    side: int = SIDE,
) -> None:
    """Publish objects/<slab>.h5 from the slab's result. made_for: see `derive`. check: called before publishing."""
    with (
        opened(folder.result(slab.index)) as result,
        publishing(folder.pieces(slab.index), check) as part,
        created(part) as file,
    ):
        file.attrs["made_for"] = made_for
        for name in plan.objects:
            layers = layers_of(result, plan, name, with_spread)
            faces = Planes.create(file, f"{name}/faces", (2, *plan.shape_zyx[1:]), "zstd", np.uint32)

            def keep(core: Box, numbers: UINT32, faces: Planes = faces) -> None:
                for end, plane in enumerate(numbers):
                    faces.put(end, faces.encode_block(core.start[1:], plane))

            table, seams = find_pieces(layers, slab.z_start, keep, side)
            file.create_dataset(f"{name}/sums", data=table)
            file.create_dataset(f"{name}/seams", data=seams)


def layers_of(result: h5py.File, plan: Plan, name: str, with_spread: bool = False) -> Layers:
    """Return an object's layers in a slab's result."""
    probability = Planes.open(result, f"{name}/probability/s0")
    spread = Planes.open(result, f"{name}/spread/s0").read_box if with_spread else None
    least = least_value(plan.thresholds[name])
    return Layers(probability.shape, probability.read_box, least, name in plan.outlines, spread)


@contextmanager
def read_pieces(path: Path, name: str) -> Iterator[Pieces]:
    """Open an object's pieces of a slab; faces are read as they are asked for."""
    with opened(path) as file:
        faces = Planes.open(file, f"{name}/faces")

        def face(end: int, y0: int, y1: int) -> UINT32:
            plane: UINT32 = faces.read_box(Box((end, y0, 0), (end + 1, y1, faces.shape[2])))[0]
            return plane

        yield Pieces(file[f"{name}/sums"][()], file[f"{name}/seams"][()], face)
