"""Files of voxels: one writer per file, published by link, and planes stored in (1, 512, 512) chunks.

A file is written under a temporary name, flushed to disk, and linked to its final name: the first one published wins
and never changes; a final name means done. Compressed chunks are encoded and decoded by imagecodecs outside of h5py's
lock, through h5py's direct chunk calls. Axes are (z, y, x), values uint8; of labels uint32.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import DiskFull, ShapeError, VolumeDamaged
from emstream.volume.full_disk import Sink
from emstream.volume.geometry import Box, pyramid_levels

UINT8 = NDArray[np.uint8]
Voxels = NDArray[Any]
"""uint8, or uint32 in a data set of labels."""
Encoded = Voxels | list[tuple[int, int, bytes]]
"""A plane ready to be stored: itself where nothing is compressed, else its chunks with their corners (y, x)."""
Rows = Callable[[int, int], UINT8]
"""Gives rows top to bottom of a plane, (bottom - top, x) uint8."""
Check = Callable[[], None]
"""Called between steps and last before a file is published; raises what ends a writer whose file is not wanted."""
CHUNK = 512
ZSTD_FILTER = 32015  # registered HDF5 filter number
ZSTD_LEVELS = {"zstd": 3, "zstd-fast": 1}
"""Level 1 takes two thirds of the time of level 3 and 5 % more bytes: for packages, which are soon removed."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_IN_TEXT = rf"errno = ({errno.ENOSPC}|{errno.EDQUOT})\b"
_counter = itertools.count()


@contextmanager
def disk_full_named(path: Path) -> Iterator[None]:
    """Turn "no space left" into DiskFull with the place and what to do."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # h5py raises what the file raised, or HDF5's own error with the number in its message
        if getattr(error, "errno", None) in _FULL or re.search(_FULL_IN_TEXT, str(error)):
            raise DiskFull(
                f"no space is left on the disk of {path.parent}: free some, then run the same command again; "
                "what is done is kept"
            ) from error
        raise


@contextmanager
def publishing(final: Path, check: Check = lambda: None) -> Iterator[Path]:
    """Give a temporary path to write; on success sync it and link it to `final`, unless `final` exists already.

    check: called last before the link; what it raises leaves nothing. Raises DiskFull. A failed or killed writer
    leaves nothing under the final name.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.{os.getpid()}-{next(_counter)}.part")
    try:
        with disk_full_named(final):
            yield part
            _sync(part)
            check()
            _link(part, final)
            _sync(final.parent)
    finally:
        part.unlink(missing_ok=True)


def _link(part: Path, final: Path) -> None:
    try:
        os.link(part, final)
    except FileExistsError:
        return  # another writer was first: its bytes stay
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        os.rename(part, final)  # file systems without hard links


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_bytes(final: Path, content: bytes) -> None:
    """Replace `final` by `content` in one step. For job.json and reports, which do change."""
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.{os.getpid()}-{next(_counter)}.part")
    try:
        with disk_full_named(final):
            part.write_bytes(content)
            _sync(part)
            part.replace(final)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a published file for reading. Raises VolumeDamaged if it is not whole."""
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise VolumeDamaged(f"{path} cannot be read ({error}): delete it and run the same command again") from error
    with file:
        yield file


@contextmanager
def created(part: Path) -> Iterator[h5py.File]:
    """Create an HDF5 file at a temporary path; once closed, it is opened again to see that it is whole.

    Raises OSError, the disk's own.
    """
    with Sink(part) as sink:
        with h5py.File(part, "w", driver="fileobj", fileobj=sink, libver="v110") as file:
            try:
                yield file
            finally:
                sink.close_quietly()
        sink.raise_what_was_kept()
    with opened(part):
        pass


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
        """Create the data set. codec: "none", "zstd" or "zstd-fast" (inside the house), or "gzip" (opens anywhere)."""
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
        """Open a data set that `create` made. Raises VolumeDamaged if it is not there."""
        if name not in group:
            raise VolumeDamaged(f"{group.file.filename} has no {name}: delete the file and run the same command again")
        dataset = group[name]
        properties = dataset.id.get_create_plist()
        filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
        return cls(dataset, {ZSTD_FILTER: "zstd", 1: "gzip"}[filters[0]] if filters else "none")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""
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
        """Return a part of a plane as `put` stores it, of a compressed data set.

        corner: of the part (y, x), on the chunks' grid; the part ends on it, too, or at the plane's edge.
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

        step: in y and x only every `step`-th pixel, those at multiples of it, a power of 2.
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
            # of a chunk that was never written h5py reads some size, allocates it, and fails in either of two ways
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


class Pyramid:
    """Planes at full size and halved again and again (2x2 area mean, y and x only) until at most 512 pixels remain."""

    def __init__(self, levels: list[Planes]) -> None:
        self.levels = levels

    @classmethod
    def create(cls, group: h5py.Group, name: str, shape: tuple[int, int, int], codec: str = "none") -> Pyramid:
        """Create `<name>/s0` .. `<name>/sN`."""
        levels = []
        depth, height, width = shape
        for level in range(pyramid_levels((height, width))):
            levels.append(Planes.create(group, f"{name}/s{level}", (depth, height, width), codec))
            height, width = -(-height // 2), -(-width // 2)
        return cls(levels)

    def write(self, z: int, plane: UINT8) -> None:
        """Write a plane and its reductions."""
        self.put(z, self.encode(plane))

    def encode(self, plane: UINT8) -> list[Encoded]:
        """Return a plane and its reductions as `put` stores them; may be called from any thread."""
        return [self.levels[0].encode(plane), *self.encode_reductions(plane)]

    def encode_rows(self, rows: Rows, note: Callable[[int, UINT8], None] | None = None) -> list[Encoded]:
        """Return what `encode` does of a plane that is never held whole, of a compressed pyramid.

        note: called with the first row and the values of each strip, of CHUNK rows.
        """
        full = self.levels[0]
        encoded: list[tuple[int, int, bytes]] = []

        def strip(top: int, bottom: int) -> UINT8:
            values = rows(top, bottom)
            encoded.extend(full.encode_block((top, 0), values))
            if note is not None:
                note(top, values)
            return values

        half = _halved(full.shape[1:], strip)
        return [encoded, *(self._encode_halves(half) if len(self.levels) > 1 else [])]

    def encode_reductions(self, plane: UINT8) -> list[Encoded]:
        """Return the reductions alone."""
        return self._encode_halves(halve(plane)) if len(self.levels) > 1 else []

    def encode_reductions_of(self, z: int) -> list[Encoded]:
        """Return the reductions of the plane that is stored at z; it is read in strips."""
        full = self.levels[0]

        def rows(top: int, bottom: int) -> UINT8:
            strip: UINT8 = full.read_box(Box((z, top, 0), (z + 1, bottom, full.shape[2])))[0]
            return strip

        return self._encode_halves(_halved(full.shape[1:], rows)) if len(self.levels) > 1 else []

    def _encode_halves(self, plane: UINT8) -> list[Encoded]:
        encoded = [self.levels[1].encode(plane)]
        for level in self.levels[2:]:
            plane = halve(plane)
            encoded.append(level.encode(plane))
        return encoded

    def put(self, z: int, encoded: list[Encoded]) -> None:
        """Store at z what `encode` gave, or the reductions of a plane that is there already."""
        for level, content in zip(self.levels[-len(encoded) :] if encoded else [], encoded, strict=True):
            level.put(z, content)


def halve(plane: UINT8) -> UINT8:
    """Return the 2x2 area mean, (ceil(y / 2), ceil(x / 2)) uint8; odd ends average what is there.

    Strip by strip, as the library works on a copy of what it is given.
    """
    return _halved(plane.shape, lambda top, bottom: plane[top:bottom])


def _halved(size_yx: tuple[int, int], rows: Rows) -> UINT8:
    """Return `halve` of the plane that `rows` gives, asked once for each strip, from the top."""
    height, width = size_yx
    half = np.empty((-(-height // 2), -(-width // 2)), np.uint8)
    for top in range(0, height, CHUNK):
        strip = Image.fromarray(rows(top, min(top + CHUNK, height)))
        half[top // 2 : (top + CHUNK) // 2] = np.asarray(strip.reduce(2))
    return half


def resample(plane: UINT8, size_yx: tuple[int, int], smooth: bool = False) -> UINT8:
    """Return the plane at another size, anti-aliased: bicubic, or bilinear where `smooth` (probabilities)."""
    if plane.shape == size_yx:
        return plane
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(plane).resize((size_yx[1], size_yx[0]), how), np.uint8)
