"""Boxes of a chunked dataset to read, such that each compressed chunk is decoded as few times as possible.

A chunk is decoded whole, whatever part of it is asked for. Boxes therefore span all columns and whole rows of chunks,
and the whole range of sections asked for:

    z_start ─┬──────────────┐
             │ rows 0..191  │  three rows of chunks of 64, as many as the budget allows
    z_stop  ─┴──────────────┘
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
