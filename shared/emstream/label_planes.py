"""Instance labels on disk: uint32 (z, y, x) in zstd chunks of (1, 512, 512), read a box at a time.

The files are labels/<slab>.h5 of a job, per object `<object>/labels`; 0 is background.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.errors import ShapeError, VolumeDamaged
from emstream.geometry import Box
from emstream.volume import CHUNK, ZSTD_FILTER, ZSTD_LEVEL

LABELS = NDArray[np.uint32]


def labels_dataset(name: str) -> str:
    """Return the data set that holds an object's labels."""
    return f"{name}/labels"


def made_for(file: h5py.File) -> str:
    """Return the thresholds and other choices that a file of labels was made for, as its writer noted them."""
    return str(file.attrs.get("made_for", ""))


class LabelPlanes:
    """A data set of labels. Largest array held while reading: the box asked for, and one chunk."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.dataset = dataset
        self.shape: tuple[int, int, int] = dataset.shape

    @classmethod
    def create(cls, group: h5py.Group, name: str, shape: tuple[int, int, int]) -> LabelPlanes:
        """Create the data set; labels must lie below 2^32."""
        chunks = (1, min(CHUNK, shape[1]), min(CHUNK, shape[2]))
        options = {"compression": ZSTD_FILTER, "compression_opts": (ZSTD_LEVEL,), "allow_unknown_filter": True}
        return cls(group.create_dataset(name, shape, np.uint32, chunks=chunks, track_times=False, **options))

    @classmethod
    def open(cls, group: h5py.Group, name: str) -> LabelPlanes:
        """Open a data set. Raises VolumeDamaged if it is not there."""
        if name not in group:
            raise VolumeDamaged(f"{group.file.filename} has no {name}: measure the job's objects again")
        return cls(group[name])

    def write(self, z: int, plane: LABELS) -> None:
        """Write plane (y, x) at z."""
        if plane.shape != self.shape[1:]:
            raise ShapeError(f"plane {plane.shape} does not fit data set {self.shape}")
        self.write_part(z, 0, 0, plane)

    def write_part(self, z: int, y: int, x: int, part: LABELS) -> None:
        """Write a part (y, x) of plane z whose first voxel is at multiples of 512, whole chunks or up to the edge."""
        _, height, width = self.dataset.chunks
        for top, left in itertools.product(range(0, part.shape[0], CHUNK), range(0, part.shape[1], CHUNK)):
            chunk = np.zeros((height, width), np.uint32)
            values = part[top : top + CHUNK, left : left + CHUNK]
            chunk[: values.shape[0], : values.shape[1]] = values
            content = bytes(imagecodecs.zstd_encode(chunk.tobytes(), level=ZSTD_LEVEL))
            self.dataset.id.write_direct_chunk((z, y + top, x + left), content)

    def read_box(self, box: Box, step: int = 1) -> LABELS:
        """Return the voxels of `box`, in y and x only every `step`-th, a power of 2; y and x start at its multiples."""
        (z0, y0, x0), (z1, y1, x1) = box.start, box.stop
        found = np.empty((z1 - z0, -(-(y1 - y0) // step), -(-(x1 - x0) // step)), np.uint32)
        for z in range(z0, z1):
            for y, x in _corners(box):
                top, left = -(-max(y, y0) // step) * step, -(-max(x, x0) // step) * step
                bottom, right = min(y + CHUNK, y1), min(x + CHUNK, x1)
                if top >= bottom or left >= right:
                    continue
                part = self._read_chunk(z, y, x)[top - y : bottom - y : step, left - x : right - x : step]
                row, column = (top - y0) // step, (left - x0) // step
                found[z - z0, row : row + part.shape[0], column : column + part.shape[1]] = part
        return found

    def _read_chunk(self, z: int, y: int, x: int) -> LABELS:
        try:
            _, content = self.dataset.id.read_direct_chunk((z, y, x))
            decoded = imagecodecs.zstd_decode(content)
        except (OSError, RuntimeError) as error:  # RuntimeError: h5py's for a chunk that was never written
            raise VolumeDamaged(f"{self.dataset.file.filename} is damaged at {(z, y, x)}: {error}") from error
        return np.frombuffer(decoded, np.uint32).reshape(self.dataset.chunks[1:])


def _corners(box: Box) -> Iterator[tuple[int, int]]:
    rows = range(box.start[1] // CHUNK * CHUNK, box.stop[1], CHUNK)
    return itertools.product(rows, range(box.start[2] // CHUNK * CHUNK, box.stop[2], CHUNK))
