"""Data sets of planes, stored in chunks of (1, 512, 512), plain or compressed, and written plane by plane.

Compressed chunks are encoded and decoded by imagecodecs outside of h5py's lock, through h5py's direct chunk calls.
Axes are (z, y, x), values uint8; of labels uint32.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.errors import ShapeError, VolumeDamaged
from emstream.volume.geometry import Box

Voxels = NDArray[Any]
"""uint8, or uint32 in a data set of labels."""
Encoded = Voxels | list[tuple[int, int, bytes]]
"""A plane ready to be stored: itself where nothing is compressed, else its chunks with their corners (y, x)."""
CHUNK = 512
"""Side of a chunk in pixels."""
ZSTD_FILTER = 32015
"""Number under which HDF5 registers Zstandard."""
ZSTD_LEVELS = {"zstd": 3, "zstd-fast": 1}
"""Level 1 takes two thirds of the time of level 3 and 5 % more bytes: for packages, which are soon removed."""


class Planes:
    """A data set (z, y, x), uint8 or uint32, in (1, 512, 512) chunks, plain or compressed, written plane by plane.

    Largest array held: one plane.
    """

    def __init__(self, dataset: h5py.Dataset, codec: str) -> None:
        self.dataset = dataset
        self.codec = codec
        self._shape: tuple[int, int, int] = dataset.shape
        self._chunk_yx: tuple[int, int] = dataset.chunks[1:]
        self._dtype: np.dtype[Any] = dataset.dtype

    @classmethod
    def create(
        cls,
        group: h5py.Group,
        name: str,
        shape: tuple[int, int, int],
        codec: str = "none",
        dtype: type[np.uint8 | np.uint32] = np.uint8,
    ) -> Planes:
        """Create the data set. codec: "none", "zstd" or "zstd-fast" for emstream itself, or "gzip" (opens anywhere)."""
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)  # the same job gives the same bytes
        properties.set_chunk((1, min(CHUNK, shape[1]), min(CHUNK, shape[2])))
        if codec in ZSTD_LEVELS:
            properties.set_filter(ZSTD_FILTER, h5py.h5z.FLAG_OPTIONAL, (ZSTD_LEVELS[codec],))
        elif codec == "gzip":
            properties.set_deflate(1)
        properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER if codec == "none" else h5py.h5d.FILL_TIME_ALLOC)
        parent, _, leaf = name.rpartition("/")
        target = group.require_group(parent) if parent else group
        space = h5py.h5s.create_simple(shape)
        identifier = h5py.h5d.create(target.id, leaf.encode(), h5py.h5t.py_create(np.dtype(dtype)), space, properties)
        return cls(h5py.Dataset(identifier), codec)

    @classmethod
    def open(cls, group: h5py.Group, name: str) -> Planes:
        """Open a data set that `create` made. Raises VolumeDamaged if it does not exist."""
        if name not in group:
            raise VolumeDamaged(f"{group.file.filename} has no {name}: delete the file and run the same command again")
        dataset = group[name]
        properties = dataset.id.get_create_plist()
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        return cls(dataset, {ZSTD_FILTER: "zstd", 1: "gzip"}[filters[0]] if filters else "none")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (z, y, x) of the data set."""
        return self._shape

    def write(self, z: int, plane: Voxels) -> None:
        """Write plane (y, x) at z."""
        self.put(z, self.encode(plane))

    def encode(self, plane: Voxels) -> Encoded:
        """Return plane (y, x) as `put` stores it; may be called from any thread, also while others write."""
        shape = self._shape
        if plane.shape != shape[1:]:
            raise ShapeError(f"plane {plane.shape} does not fit data set {shape}")
        return plane if self.codec == "none" else self.encode_block((0, 0), plane)

    def encode_block(self, corner: tuple[int, int], block: Voxels) -> list[tuple[int, int, bytes]]:
        """Return a part of a plane, (y, x), as `put` stores it; only of a compressed data set.

        corner: the part's first pixel (y, x), on the chunks' grid; the part ends on the grid, too, or at the plane's
        edge.
        """
        encode, (top, left) = _ENCODERS[self.codec], corner
        return [
            (top + y, left + x, encode(self._padded(block[y : y + CHUNK, x : x + CHUNK])))
            for y, x in self._corners(0, block.shape[0], 0, block.shape[1])
        ]

    def put(self, z: int, encoded: Encoded) -> None:
        """Store an encoded plane at z."""
        if isinstance(encoded, np.ndarray):
            self.dataset[z] = encoded
            return
        for y, x, chunk in encoded:
            self.dataset.id.write_direct_chunk((z, y, x), chunk)

    def read(self, z: int) -> Voxels:
        """Return plane (y, x) at z."""
        plane: Voxels = self.read_box(Box((z, 0, 0), (z + 1, *self.shape[1:])))[0]
        return plane

    def read_box(self, box: Box, step: int = 1) -> Voxels:
        """Return the voxels of `box` (z, y, x).

        step: a power of 2; in y and x only the pixels at its multiples are returned.
        """
        (z0, y0, x0), (z1, y1, x1) = box.start, box.stop
        first_y, first_x = _next_multiple(y0, step), _next_multiple(x0, step)
        if self.codec == "none":
            return np.asarray(self.dataset[z0:z1, first_y:y1:step, first_x:x1:step], self._dtype)
        values = np.empty((z1 - z0, _count(first_y, y1, step), _count(first_x, x1, step)), self._dtype)
        for z in range(z0, z1):
            for y, x in self._corners(y0, y1, x0, x1):
                top, left = _next_multiple(max(y, y0), step), _next_multiple(max(x, x0), step)
                part = self._read_chunk(z, y, x)[top - y : y1 - y : step, left - x : x1 - x : step]
                row, column = (top - first_y) // step, (left - first_x) // step
                values[z - z0, row : row + part.shape[0], column : column + part.shape[1]] = part
        return values

    def _corners(self, y0: int, y1: int, x0: int, x1: int) -> Iterator[tuple[int, int]]:
        rows = range(y0 // CHUNK * CHUNK, y1, CHUNK)
        return itertools.product(rows, range(x0 // CHUNK * CHUNK, x1, CHUNK))

    def _padded(self, values: Voxels) -> Voxels:
        height, width = self._chunk_yx
        if values.shape == (height, width):
            return np.ascontiguousarray(values)
        chunk = np.zeros((height, width), self._dtype)
        chunk[: values.shape[0], : values.shape[1]] = values
        return chunk

    def _read_chunk(self, z: int, y: int, x: int) -> Voxels:
        try:
            _, content = self.dataset.id.read_direct_chunk((z, y, x))
            decoded = _DECODERS[self.codec](content)
        except (OSError, RuntimeError, MemoryError) as error:
            # for a chunk that was never written h5py reads some size, allocates it, and fails in either of two ways
            raise VolumeDamaged(f"{self.dataset.file.filename} is damaged at {(z, y, x)}: {error!r}") from error
        return np.frombuffer(decoded, self._dtype).reshape(self._chunk_yx)


def _next_multiple(position: int, step: int) -> int:
    return -(-position // step) * step


def _count(first: int, stop: int, step: int) -> int:
    return max(0, -(-(stop - first) // step))


_ENCODERS: dict[str, Callable[[Voxels], bytes]] = {
    "zstd": lambda chunk: bytes(imagecodecs.zstd_encode(chunk.tobytes(), level=ZSTD_LEVELS["zstd"])),
    "zstd-fast": lambda chunk: bytes(imagecodecs.zstd_encode(chunk.tobytes(), level=ZSTD_LEVELS["zstd-fast"])),
    "gzip": lambda chunk: bytes(imagecodecs.deflate_encode(chunk.tobytes(), level=1)),  # half of zlib's time
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda content: bytes(imagecodecs.zstd_decode(content)),
    "zstd-fast": lambda content: bytes(imagecodecs.zstd_decode(content)),
    "gzip": lambda content: bytes(imagecodecs.zlib_decode(content)),
}
