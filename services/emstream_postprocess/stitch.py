"""Packages of a slab joined: probabilities at the stack's own size, thresholded, with pyramids.

Largest arrays held: per thread (parallel.mapped) a section's compressed chunks and its first reduction; where grids are
resampled, one section, and where several are averaged, one in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import Box, Package, Slab
from emstream.volume.parallel import mapped
from emstream.volume.planes import Encoded, Planes
from emstream.volume.pyramid import Pyramid, Rows, resample

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
                values = _section_reader(plan, packages, name, "spread")
                for z, levels in enumerate(mapped(partial(_encode_spread, values, spread), range(depth))):
                    check()
                    spread.put(z, levels)


def _encode(
    probability: Callable[[int], Rows], threshold: float, pyramid: Pyramid, mask: Planes, z: int
) -> tuple[list[Encoded], Encoded]:
    masked: list[tuple[int, int, bytes]] = []

    def note(top: int, strip: UINT8) -> None:
        masked.extend(mask.encode_block((top, 0), mask_of(strip, threshold)))

    return pyramid.encode_rows(probability(z), note), masked


def _encode_spread(values: Callable[[int], Rows], spread: Pyramid, z: int) -> list[Encoded]:
    return spread.encode_rows(values(z))


def drop_packages(folder: JobFolder, plan: Plan, slab: Slab) -> None:
    """Delete the slab's probability files: the result implies them."""
    for package in plan.packages(slab):
        folder.probability(package.index).unlink(missing_ok=True)


def _section_reader(
    plan: Plan, packages: list[tuple[Package, h5py.File]], name: str, layer: str
) -> Callable[[int], Rows]:
    """Return what gives the rows of an object's section z at the stack's own size.

    They are the mean over grids, weighted by checkpoints. Of a single grid at the stack's own resolution no section is
    held whole.
    """
    grids = []
    for index, grid in enumerate(plan.grids):
        weight = sum(name in member.objects for member in grid.members)
        if weight:
            grids.append((weight, _GridReader(grid.size_yx, packages, index, f"{name}/{layer}")))
    size = plan.shape_zyx[1:]

    def read(z: int) -> Rows:
        if len(grids) == 1:
            only = grids[0][1]
            if only.size_yx == size:
                return partial(only.rows, z)
            section = resample(only.section(z), size, smooth=True)
        else:
            total = np.zeros(size, np.float32)
            for weight, grid in grids:
                total += np.float32(weight) * resample(grid.section(z), size, smooth=True)
            section = np.rint(total / sum(weight for weight, _ in grids)).astype(np.uint8)
        return lambda top, bottom: section[top:bottom]

    return read


class _GridReader:
    """Reads what the packages of one grid hold of a layer."""

    def __init__(
        self, size_yx: tuple[int, int], packages: list[tuple[Package, h5py.File]], grid: int, dataset: str
    ) -> None:
        self.size_yx = size_yx
        self._pieces = [(p.core_box, Planes.open(file, dataset)) for p, file in packages if p.grid == grid]

    def section(self, z: int) -> UINT8:
        """Return section z (y, x)."""
        return self.rows(z, 0, self.size_yx[0])

    def rows(self, z: int, top: int, bottom: int) -> UINT8:
        """Return rows top to bottom of section z."""
        values = np.empty((bottom - top, self.size_yx[1]), np.uint8)
        for core, planes in self._pieces:
            (_, y0, x0), (_, y1, x1) = core.start, core.stop
            first, last = max(top, y0), min(bottom, y1)
            if first < last:
                box = Box((z, first - y0, 0), (z + 1, last - y0, x1 - x0))
                values[first - top : last - top, x0:x1] = planes.read_box(box)[0]
        return values
