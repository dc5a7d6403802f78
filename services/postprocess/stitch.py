"""Packages of a slab joined: probabilities at the stack's own size, thresholded, with pyramids.

Largest arrays held: per thread (parallel.mapped) one section, float32 where several grids are averaged, else uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.geometry import Package, Slab
from emstream.job import JobFolder, Plan
from emstream.parallel import mapped
from emstream.volume import Check, Encoded, Planes, Pyramid, created, opened, publishing, resample

UINT8 = NDArray[np.uint8]


def mask_of(probability: UINT8, threshold: float) -> UINT8:
    """Return 255 where the probability is at least the threshold, else 0.

    probability: uint8, p = v / 255; threshold: 0..1.
    """
    mask = (probability >= least_value(threshold)).view(np.uint8)
    mask *= 255
    return mask


def least_value(threshold: float) -> int:
    """Return the smallest uint8 probability that is structure.

    >>> least_value(0.5), least_value(0.2)
    (128, 51)
    """
    return int(np.ceil(threshold * 255 - 1e-9))


def write_result(folder: JobFolder, plan: Plan, slab: Slab, with_spread: bool, check: Check = lambda: None) -> None:
    """Publish result/<slab>.h5: per object pyramids of probability and spread, and the mask with its threshold.

    check: called before each section; what it raises ends the slab.
    """
    depth = slab.z_stop - slab.z_start
    shape = (depth, *plan.shape_zyx[1:])
    with ExitStack() as stack:
        part = stack.enter_context(publishing(folder.result(slab.index)))
        file = stack.enter_context(created(part))
        packages = [(p, stack.enter_context(opened(folder.probability(p.index)))) for p in plan.packages(slab)]
        for name, threshold in plan.thresholds.items():
            probability = _section_reader(plan, packages, name, "probability")
            pyramid = Pyramid.create(file, f"{name}/probability", shape, "zstd")
            mask = Planes.create(file, f"{name}/mask", shape, "zstd")
            mask.dataset.attrs["threshold"] = threshold
            encode = partial(_encode, probability, threshold, pyramid, mask)
            for z, (levels, masked) in enumerate(mapped(encode, range(depth))):
                check()
                pyramid.put(z, levels)
                mask.put(z, masked)
            if with_spread:
                spread = Pyramid.create(file, f"{name}/spread", shape, "zstd")
                read = _section_reader(plan, packages, name, "spread")
                for z, levels in enumerate(mapped(spread.encode, map(read, range(depth)))):
                    check()
                    spread.put(z, levels)


def _encode(
    probability: Callable[[int], UINT8], threshold: float, pyramid: Pyramid, mask: Planes, z: int
) -> tuple[list[Encoded], Encoded]:
    section = probability(z)
    return pyramid.encode(section), mask.encode(mask_of(section, threshold))


def drop_packages(folder: JobFolder, plan: Plan, slab: Slab) -> None:
    """Delete the slab's probability files: the result implies them."""
    for package in plan.packages(slab):
        folder.probability(package.index).unlink(missing_ok=True)


def _section_reader(
    plan: Plan, packages: list[tuple[Package, h5py.File]], name: str, layer: str
) -> Callable[[int], UINT8]:
    """Return what gives an object's section z at the stack's own size: the mean over grids, weighted by checkpoints."""
    readers = []
    for index, grid in enumerate(plan.grids):
        weight = sum(name in member.objects for member in grid.members)
        if weight:
            readers.append((weight, _grid_reader(grid.size_yx, packages, index, f"{name}/{layer}")))
    size = plan.shape_zyx[1:]

    def read(z: int) -> UINT8:
        if len(readers) == 1:
            return resample(readers[0][1](z), size, smooth=True)
        total = np.zeros(size, np.float32)
        for weight, read_grid in readers:
            total += np.float32(weight) * resample(read_grid(z), size, smooth=True)
        return np.rint(total / sum(weight for weight, _ in readers)).astype(np.uint8)

    return read


def _grid_reader(
    size_yx: tuple[int, int], packages: list[tuple[Package, h5py.File]], grid: int, dataset: str
) -> Callable[[int], UINT8]:
    pieces = [(p.core_box, Planes.open(file, dataset)) for p, file in packages if p.grid == grid]

    def read(z: int) -> UINT8:
        section = np.empty(size_yx, np.uint8)
        for core, planes in pieces:
            section[core.slices[1:]] = planes.read(z)
        return section

    return read
