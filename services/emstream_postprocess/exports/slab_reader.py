"""Strips of rows from the slabs' files, in order: one file of each kind is open at a time."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.errors import JobFailed
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import labels_dataset, made_for
from emstream.jobs.record import Plan
from emstream.volume.files import opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes

UINT8 = NDArray[np.uint8]


def level_size(plan: Plan, level: int) -> tuple[int, int]:
    """Return the size (y, x) of a section at a level of the pyramid."""
    height, width = (-(-side >> level) for side in plan.shape_zyx[1:])
    return height, width


class SlabReader:
    """Reader of a job's slabs: a context manager, for one thread. Largest array held: the strip asked for."""

    def __init__(self, folder: JobFolder, plan: Plan, labels_for: str = "") -> None:
        """labels_for: the choices that the labels are expected to be made for."""
        self.folder, self.plan, self._labels_for = folder, plan, labels_for
        self._open: dict[str, tuple[Path, h5py.File, ExitStack]] = {}

    def __enter__(self) -> SlabReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, _, stack in self._open.values():
            stack.close()
        self._open.clear()

    def raw(self, z: int, rows: tuple[int, int], level: int) -> UINT8:
        """Return rows [first, last) of section z as read, (y, x) uint8; zeros where they could not be read."""
        return self._grey("raw", self.folder.stack(self._slab(z)), f"raw/s{level}", z, rows, level)

    def probability(self, name: str, z: int, rows: tuple[int, int], level: int) -> UINT8:
        """Return rows of a structure's probability, (y, x) uint8, p = v / 255; zeros where nothing was stitched."""
        path = self.folder.result(self._slab(z))
        return self._grey("result", path, f"{name}/probability/s{level}", z, rows, level)

    def labels(self, name: str, z: int, rows: tuple[int, int], level: int) -> NDArray[np.uint32]:
        """Return rows of a structure's labels, (y, x) uint32, at a level every 2^level-th pixel.

        They are zeros where nothing was stitched. Raises JobFailed if there are none, or if they were made again since
        they were ordered.
        """
        slab, (_, height, width) = self._slab(z), self.plan.shape_zyx
        path = self.folder.labels(slab)
        if not self.folder.result(slab).exists():
            return np.zeros((rows[1] - rows[0], level_size(self.plan, level)[1]), np.uint32)
        if not path.exists():
            raise JobFailed("the job has no labels, or they are being made again: wait, and order them again")
        file = self._file("labels", path)
        if made_for(file) != self._labels_for:
            raise JobFailed("the objects were numbered again since these labels were ordered: order them again")
        inside = z % self.plan.slab_sections
        box = Box((inside, rows[0] << level, 0), (inside + 1, min(rows[1] << level, height), width))
        values: NDArray[np.uint32] = Planes.open(file, labels_dataset(name)).read_box(box, 1 << level)[0]
        return values

    def _slab(self, z: int) -> int:
        return z // self.plan.slab_sections

    def _grey(self, kind: str, path: Path, dataset: str, z: int, rows: tuple[int, int], level: int) -> UINT8:
        width = level_size(self.plan, level)[1]
        if not path.exists():
            return np.zeros((rows[1] - rows[0], width), np.uint8)
        inside = z % self.plan.slab_sections
        values: UINT8 = Planes.open(self._file(kind, path), dataset).read_box(
            Box((inside, rows[0], 0), (inside + 1, rows[1], width))
        )[0]
        return values

    def _file(self, kind: str, path: Path) -> h5py.File:
        known = self._open.get(kind)
        if known is not None and known[0] == path:
            return known[1]
        if known is not None:
            self._open.pop(kind)[2].close()
        stack = ExitStack()
        file = stack.enter_context(opened(path))
        self._open[kind] = path, file, stack
        return file
