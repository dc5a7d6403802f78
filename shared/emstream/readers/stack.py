"""The interface of all readers of stacks: the shape first, then blocks of rows in the order its format decodes best.

No reader holds a stack. The largest array of a reader is one section, or one row of chunks of an HDF5 file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from emstream.errors import UsageError
from emstream.volume.voxel_size import VoxelSize

if TYPE_CHECKING:
    from emstream.jobs.record import Region

Grey = NDArray[np.generic]  # bool, (u)int8, (u)int16, (u)int32, float32 or float64, as stored


@dataclass(frozen=True, slots=True)
class Rows:
    """Decoded voxels: values (z, y, x) in the stack's own dtype, whose first voxel is (z, y, 0); all columns."""

    z: int
    y: int
    values: Grey


@dataclass(frozen=True, slots=True)
class StackFacts:
    """Facts that a reader learned from headers alone.

    voxel_size_nm: (z, y, x), or None if the format has none or it is not plausible; z alone may be None.
    section_depth: the number of sections that one compressed chunk spans (1 where sections are stored one by one).
    names: each section's name at its source (file name, page, or plane), for messages and the result.
    warnings: sentences for the user (skipped files, gaps in numbering, choices made).
    source: one sentence on the file and the way it was read (format, dataset, sign rule), stored with the result.
    origin: the same facts one by one, such as format and dataset.
    """

    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    voxel_size_nm: VoxelSize | None = None
    section_depth: int = 1
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    source: str = ""
    origin: dict[str, str] = field(default_factory=dict)


def section_files(facts: StackFacts) -> tuple[str, ...]:
    """Return the names of the files that are a stack's sections; none where sections are pages or planes of a file."""
    return facts.names if facts.origin.get("format") == "sections" else ()


class StackReader(Protocol):
    """An open stack. Use as a context manager; `close` may be called twice."""

    @property
    def facts(self) -> StackFacts:
        """Return what the headers say."""

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield every voxel of sections [z_start, z_stop) once. Raises InputUnreadable naming file and section."""

    def sample(self, z: int) -> Grey:
        """Return (y, x) voxels of section z that are cheap to decode (the section, or a band of its rows)."""

    def close(self) -> None:
        """Release files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class CheckedReader(StackReader):
    """Another reader's stack; `check` is called before each section or block, and what it raises ends the reading."""

    def __init__(self, whole: StackReader, check: Callable[[], None]) -> None:
        self._whole, self._check = whole, check

    @property
    def facts(self) -> StackFacts:
        """Return the stack's facts."""
        return self._whole.facts

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield the stack's blocks."""
        for rows in self._whole.blocks(z_start, z_stop):
            self._check()
            yield rows

    def sample(self, z: int) -> Grey:
        """Return the stack's sample of section z."""
        self._check()
        return self._whole.sample(z)

    def close(self) -> None:
        """Close the stack."""
        self._whole.close()


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
