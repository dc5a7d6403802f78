"""Packages of a slab joined: probabilities at the stack's own size, thresholded, with pyramids.

Largest arrays held: one section of float32 per object where several grids are averaged, else one of uint8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.geometry import Package, Slab
from emstream.job import JobFolder, Plan
from emstream.volume import Planes, Pyramid, created, opened, publishing, resample

UINT8 = NDArray[np.uint8]


def mask_of(probability: UINT8, threshold: float) -> UINT8:
    """Return 255 where the probability is at least the threshold, else 0.

    probability: uint8, p = v / 255; threshold: 0..1.
    """
    return np.where(probability >= np.ceil(threshold * 255 - 1e-9), np.uint8(255), np.uint8(0))


def write_result(folder: JobFolder, plan: Plan, slab: Slab, with_spread: bool) -> None:
    """Publish result/<slab>.h5: per object a probability pyramid, the mask with its threshold, and the spread."""
    depth = slab.z_stop - slab.z_start
    shape = (depth, *plan.shape_zyx[1:])
    with ExitStack() as stack:
        part = stack.enter_context(publishing(folder.result(slab.index)))
        file = stack.enter_context(created(part))
        packages = [(p, stack.enter_context(opened(folder.probability(p.index)))) for p in plan.packages(slab)]
        for name, threshold in plan.thresholds.items():
            pyramid = Pyramid.create(file, f"{name}/probability", shape, "zstd")
            mask = Planes.create(file, f"{name}/mask", shape, "zstd")
            mask.dataset.attrs["threshold"] = threshold
            for z, probability in enumerate(_sections(plan, packages, name, "probability", depth)):
                pyramid.write(z, probability)
                mask.write(z, mask_of(probability, threshold))
            if with_spread:
                spread = Planes.create(file, f"{name}/spread", shape, "zstd")
                for z, values in enumerate(_sections(plan, packages, name, "spread", depth)):
                    spread.write(z, values)


def drop_packages(folder: JobFolder, plan: Plan, slab: Slab) -> None:
    """Delete the slab's probability files: the result implies them."""
    for package in plan.packages(slab):
        folder.probability(package.index).unlink(missing_ok=True)


def _sections(
    plan: Plan, packages: list[tuple[Package, h5py.File]], name: str, layer: str, depth: int
) -> Iterator[UINT8]:
    """Yield an object's sections at the stack's own size: the mean over grids, weighted by their checkpoints."""
    readers = []
    for index, grid in enumerate(plan.grids):
        weight = sum(name in member.objects for member in grid.members)
        if weight:
            readers.append((weight, _section_reader(grid.size_yx, packages, index, f"{name}/{layer}")))
    size = plan.shape_zyx[1:]
    for z in range(depth):
        if len(readers) == 1:
            yield resample(readers[0][1](z), size, smooth=True)
            continue
        total = np.zeros(size, np.float32)
        for weight, read in readers:
            total += np.float32(weight) * resample(read(z), size, smooth=True)
        yield np.rint(total / sum(weight for weight, _ in readers)).astype(np.uint8)


def _section_reader(
    size_yx: tuple[int, int], packages: list[tuple[Package, h5py.File]], grid: int, dataset: str
) -> Callable[[int], UINT8]:
    pieces = [(p.core_box, Planes.open(file, dataset)) for p, file in packages if p.grid == grid]

    def read(z: int) -> UINT8:
        section = np.empty(size_yx, np.uint8)
        for core, planes in pieces:
            section[core.slices[1:]] = planes.read(z)
        return section

    return read
