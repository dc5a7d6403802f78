"""The interface of all readers of stacks: the shape first, then blocks of rows in the order its format decodes best.

No reader holds a stack. The largest array of a reader is one section, or one row of chunks of an HDF5 file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

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

    voxel_size_nm: (z, y, x), or None if the format has none or it is not plausible; an unknown component is 0.
    section_depth: the number of sections that one compressed chunk spans (1 where sections are stored one by one).
    names: each section's name at its source (file name, page, or plane), for messages and the result.
    warnings: sentences for the user (skipped files, gaps in numbering, choices made).
    source: one sentence on the file and the way it was read (format, dataset, sign rule), stored with the result.
    origin: the same facts one by one, such as format and dataset.
    """

    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    voxel_size_nm: tuple[float, float, float] | None = None
    section_depth: int = 1
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    source: str = ""
    origin: dict[str, str] = field(default_factory=dict)


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
