"""A box of a job's layers, across slabs. Largest array: the box."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from emstream.jobs.record import Plan
from emstream.volume.files import opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes, Voxels


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
