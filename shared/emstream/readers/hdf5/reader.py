"""HDF5 stacks: one dataset of one file, read row of chunks by row of chunks."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from emstream.errors import EmptyInput
from emstream.readers.confined import held
from emstream.readers.hdf5.choice import (
    Candidate,
    check_filters,
    check_self_contained,
    choose_dataset,
)
from emstream.readers.hdf5.voxel_size import hdf5_voxel_size, imaris_shape
from emstream.readers.limits import ANY_RATIO, DEFLATE_RATIO, check_claim, check_depth, check_memory, decoding
from emstream.readers.stack import Grey, Rows, StackFacts, StackReader

_CACHE_BYTES = 32 * 2**20
"""h5py keeps decoded chunks up to this: a small stack's chunks are then not decoded again for each sampled section."""
_CACHE_SLOTS = 10_007
_CHUNK_COPIES = 3
"""A chunk, its compressed bytes, and the buffer that deflate grows by doubling."""
_SURE_BYTES = 2**19
"""Size of a deflated chunk that cannot inflate beyond 600 MB."""


class Hdf5Stack(StackReader):
    """A dataset as a stack. Largest array: one block, 128 MiB or one row of chunks over the sections asked for."""

    def __init__(self, path: Path, dataset: str | None = None, are_labels: bool = False) -> None:
        self._name = path.name
        with ExitStack() as files, decoding(path.name):
            place = files.enter_context(held(path))
            file = h5py.File(place, "r", locking=False, rdcc_nbytes=_CACHE_BYTES, rdcc_nslots=_CACHE_SLOTS)
            files.enter_context(file)
            self._candidate, warnings = choose_dataset(file, path.name, dataset, are_labels)
            self._dataset = file[self._candidate.path]
            facts = _facts(file, self._dataset, self._candidate, path.name)
            self._facts = replace(facts, warnings=(*warnings, *facts.warnings))
            self._files = files.pop_all()
        self._grid = _grid(self._dataset, self._candidate, self._facts.shape_zyx)

    @property
    def facts(self) -> StackFacts:
        """Return what the file's headers say."""
        return self._facts

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield bands of whole rows of chunks over all the sections asked for (fewer if that is beyond the budget)."""
        for z, y in self._grid.boxes(z_start, z_stop):
            yield Rows(z.start, y.start, self._read(z, y))

    def sample(self, z: int) -> Grey:
        """Return one band of rows of section z, another one for another section."""
        section: Grey = self._read(slice(z, z + 1), self._grid.sample_rows(z))[0]
        return section

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def _read(self, z: slice, y: slice) -> Grey:
        order, width = self._candidate.order, self._facts.shape_zyx[2]
        box: list[int | slice] = [0] * len(self._candidate.shape)
        for axis, part in zip(order, (z, y, slice(0, width)), strict=True):
            box[axis] = part
        lengths = [part.stop - part.start for part in box if isinstance(part, slice)]
        values = np.empty(lengths, _delivered(self._dataset.dtype))
        sections, rows = f"sections {z.start} to {z.stop - 1}", f"rows {y.start} to {y.stop - 1}"
        with decoding(f"{self._name}, {self._candidate.path}: {sections}, {rows}"):
            self._dataset.read_direct(values, tuple(box))
        return values.view(self._facts.dtype).transpose(np.argsort(np.argsort(order)))


def _facts(file: h5py.File, dataset: h5py.Dataset, candidate: Candidate, name: str) -> StackFacts:
    """Return the facts of a dataset after all checks that need no voxels."""
    where = f"{name}, {candidate.path}"
    check_self_contained(dataset, where)
    check_filters(dataset, where)
    shape = imaris_shape(dataset, candidate.shape_zyx)
    _check_stored(dataset, shape, where)
    voxel_size, warnings = hdf5_voxel_size(file, dataset, shape)
    chunk = _chunk_zyx(dataset, candidate, shape)
    _check_decoding(file, dataset, (shape, chunk), where)
    layout = f"chunks {chunk}" if dataset.chunks else "not chunked"
    return StackFacts(
        shape_zyx=shape,
        dtype=_delivered(candidate.dtype),
        voxel_size_nm=voxel_size,
        section_depth=chunk[0],
        names=tuple(f"plane {z}" for z in range(shape[0])),
        warnings=warnings,
        source=f"HDF5 {name}, dataset {candidate.path} {candidate.shape} {dataset.dtype}, {layout}",
        origin={"format": "HDF5", "dataset": candidate.path},
    )


def _check_stored(dataset: h5py.Dataset, shape: tuple[int, int, int], where: str) -> None:
    depth, height, width = shape
    stored = int(dataset.id.get_storage_size())
    if min(shape) == 0 or stored == 0:
        raise EmptyInput(f"{where} has shape {shape} and {stored} stored bytes: there are no voxels. Export it again.")
    check_depth(where, depth)
    check_claim(where, width, height, depth * height * width * dataset.dtype.itemsize, stored, ANY_RATIO)


def _check_decoding(
    file: h5py.File, dataset: h5py.Dataset, sizes: tuple[tuple[int, int, int], tuple[int, int, int]], where: str
) -> None:
    """Raise TooLarge if a chunk, or a row of them, takes too much memory, whatever its compressed bytes claim."""
    if dataset.chunks is None:
        return
    shape, chunk = sizes
    itemsize, file_bytes = dataset.dtype.itemsize, file.id.get_filesize()
    chunk_bytes = math.prod(dataset.chunks) * itemsize
    row = max(chunk[0] * chunk[1] * shape[2], min(math.prod(shape), BUDGET_BYTES // itemsize)) * itemsize
    check_memory(where, _CHUNK_COPIES * chunk_bytes + row, file_bytes)
    for offset, size in _suspicious_chunks(dataset):
        inflated = _inflated(file, offset, size, chunk_bytes)
        check_memory(where, inflated * (_CHUNK_COPIES if inflated > chunk_bytes else 1), file_bytes)


def _suspicious_chunks(dataset: h5py.Dataset) -> list[tuple[int, int]]:
    """Return the place and size of each deflated chunk that may inflate beyond the memory allowed: few, if any."""
    properties = dataset.id.get_create_plist()
    filters = [int(properties.get_filter(index)[0]) for index in range(properties.get_nfilters())]
    if not filters or filters[-1] != h5py.h5z.FILTER_DEFLATE:
        return []
    found: list[tuple[int, int]] = []

    def look(chunk: Any) -> None:
        if chunk.size > _SURE_BYTES:
            found.append((int(chunk.byte_offset), int(chunk.size)))

    dataset.id.chunk_iter(look)
    return found


def _inflated(file: h5py.File, offset: int, size: int, chunk_bytes: int) -> int:
    """Return the size of a deflated chunk; one beyond what the chunk should have is not inflated further."""
    with Path(file.filename).open("rb") as raw:
        raw.seek(offset + file.userblock_size)
        compressed = raw.read(size)
    total, inflate = 0, zlib.decompressobj()
    with suppress(zlib.error):  # damage is reported where the chunk is read
        while compressed and total <= chunk_bytes:
            total += len(inflate.decompress(compressed, 2**20))
            compressed = inflate.unconsumed_tail
    return total if total <= chunk_bytes else total + DEFLATE_RATIO * len(compressed)


def _grid(dataset: h5py.Dataset, candidate: Candidate, shape: tuple[int, int, int]) -> ChunkGrid:
    return ChunkGrid(shape, _chunk_zyx(dataset, candidate, shape), _delivered(dataset.dtype).itemsize)


def _chunk_zyx(dataset: h5py.Dataset, candidate: Candidate, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the chunk shape, cut to the stack's; a section where the dataset is not chunked."""
    if dataset.chunks is None:
        return 1, shape[1], shape[2]
    chunk = [dataset.chunks[axis] for axis in candidate.order]
    z, y, x = (min(int(length), whole) for length, whole in zip(chunk, shape, strict=True))
    return z, y, x


def _delivered(stored: np.dtype[np.generic]) -> np.dtype[np.generic]:
    return np.dtype(np.float32) if stored.str[1:] == "f2" else stored.newbyteorder("=")


BUDGET_BYTES = 128 * 2**20
"""Maximum size of a box that has more than one row of chunks."""
SAMPLED_ROWS = 64
"""Minimum number of rows of a sample."""
_BANDS_PER_LAYER = 4
_GOLDEN = 0.6180339887498949  # its multiples spread evenly over a range, however many there are


@dataclass(frozen=True, slots=True)
class ChunkGrid:
    """Shape and chunk shape of a stack, both (z, y, x). Uncompressed stacks without chunks: chunks of one section."""

    shape: tuple[int, int, int]
    chunk: tuple[int, int, int]
    itemsize: int

    def boxes(self, z_start: int, z_stop: int) -> Iterator[tuple[slice, slice]]:
        """Yield (z, y) slices that cover sections [z_start, z_stop) once, each at most the budget or one row of chunks.

        If one row of chunks over all sections is more than the budget, sections are parted too, between chunks.
        """
        height = self.shape[1]
        for z in self._depths(z_start, z_stop):
            band = self.chunk[1] * max(1, BUDGET_BYTES // (self._row_bytes * (z.stop - z.start)))
            for y in range(0, height, band):
                yield z, slice(y, min(y + band, height))

    @property
    def _row_bytes(self) -> int:
        """Return the size of one row of chunks in one section."""
        return self.shape[2] * self.itemsize * self.chunk[1]

    def _depths(self, z_start: int, z_stop: int) -> Iterator[slice]:
        if self._row_bytes * (z_stop - z_start) <= BUDGET_BYTES:
            yield slice(z_start, z_stop)
            return
        depth = self.chunk[0]
        step = depth * max(1, BUDGET_BYTES // (self._row_bytes * depth))
        z = z_start
        while z < z_stop:
            end = min(z_stop, z // depth * depth + step)
            yield slice(z, end)
            z = end

    def sample_rows(self, z: int) -> slice:
        """Return the rows to read as a sample of section z: whole rows of chunks, other ones for other sections.

        Sections of a quarter of a chunk's depth share their rows: sampled one after the other, they find them decoded,
        and no more than four bands of a layer of chunks are decoded however many of its sections are sampled.
        """
        rows, height = self.chunk[1], self.shape[1]
        band = rows * max(1, SAMPLED_ROWS // rows)
        bands = -(-height // band)
        place = z * _BANDS_PER_LAYER // self.chunk[0]
        start = int(place * _GOLDEN % 1.0 * bands) * band
        return slice(start, min(start + band, height))
