"""A region of a stack, read as if it were a whole stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from emstream.errors import UsageError
from emstream.readers.stack import Grey, Rows, StackFacts, StackReader

if TYPE_CHECKING:
    from emstream.jobs.record import Region


class RegionReader(StackReader):
    """The voxels of `region` of another reader's stack; closing it closes the other.

    region: start and stop as (z, y, x) each, stop one past the end. Raises UsageError if it is not inside the stack.
    """

    def __init__(self, whole: StackReader, region: Region) -> None:
        start, stop = region
        shape = whole.facts.shape_zyx
        if not all(0 <= a < b <= size for a, b, size in zip(start, stop, shape, strict=True)):
            raise UsageError(
                f"the region {start} to {stop} (z, y, x) is not inside the stack of {shape}: give a start within it "
                "and a stop beyond the start, at most the stack's size"
            )
        self._whole, self._start, self._stop = whole, start, stop
        depth, height, width = (b - a for a, b in zip(start, stop, strict=True))
        names = whole.facts.names[start[0] : stop[0]] if len(whole.facts.names) == shape[0] else whole.facts.names
        self._facts = replace(whole.facts, shape_zyx=(depth, height, width), names=names)

    @property
    def facts(self) -> StackFacts:
        """Return the whole stack's facts, with the region's shape."""
        return self._facts

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield the region's rows of sections [z_start, z_stop), counted from the region's first."""
        (z0, y0, x0), (_, y1, x1) = self._start, self._stop
        for rows in self._whole.blocks(z_start + z0, z_stop + z0):
            top, bottom = max(rows.y, y0), min(rows.y + rows.values.shape[1], y1)
            if top < bottom:
                yield Rows(rows.z - z0, top - y0, rows.values[:, top - rows.y : bottom - rows.y, x0:x1])

    def sample(self, z: int) -> Grey:
        """Return the region's part of section z; where the reader gives a band of rows, the band's columns."""
        (z0, y0, x0), (_, y1, x1) = self._start, self._stop
        values = self._whole.sample(z + z0)
        is_whole = values.shape == self._whole.facts.shape_zyx[1:]
        return values[y0:y1, x0:x1] if is_whole else values[:, x0:x1]

    def close(self) -> None:
        """Close the whole stack."""
        self._whole.close()
