"""labels/<slab>.h5: per object `<object>/labels`, its numbers in the slab, (z, y, x) uint32.

The pieces are found again as they were (that costs less than keeping them) and get their objects' numbers. Largest
arrays: of one block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.errors import VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import Box, Slab
from emstream.volume.planes import Planes
from emstream_postprocess.objects.blocks import SIDE, Layers, label_block, plan_blocks
from emstream_postprocess.objects.pieces import layers_of

UINT32 = NDArray[np.uint32]


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
