"""Voxels stored uncompressed and in order inside a file, as in MRC and in large TIFF stacks.

They are read, not memory-mapped: a file that shrinks while it is read (a cut network copy) then gives an error that
names the section, where a mapping would end the process with SIGBUS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emstream.errors import DamagedFile
from emstream.readers.confined import held
from emstream.readers.stack import Grey


@dataclass(frozen=True, slots=True)
class PlainVoxels:
    """Place of voxels in a file. dtype: as stored, with its byte order; section_shape: (y, x), or (y, x, samples)."""

    path: Path
    offset: int
    dtype: np.dtype[np.generic]
    sections: int
    section_shape: tuple[int, ...]

    @property
    def section_bytes(self) -> int:
        """Return the size of one section."""
        size = self.dtype.itemsize
        for length in self.section_shape:
            size *= length
        return size

    def check_length(self) -> None:
        """Raise DamagedFile if the file ends before the last voxel."""
        expected = self.offset + self.sections * self.section_bytes
        found = self.path.stat().st_size
        if found < expected:
            complete = max(0, found - self.offset) // max(1, self.section_bytes)
            raise DamagedFile(
                f"{self.path.name} is truncated: {self.sections} sections need {expected} bytes, the file has {found} "
                f"({complete} complete sections). Copy or export it again."
            )

    def read(self, z: int, y_start: int = 0, y_stop: int | None = None) -> Grey:
        """Return rows [y_start, y_stop) of section z in native byte order; all rows without the limits."""
        height = self.section_shape[0]
        y_stop = height if y_stop is None else y_stop
        shape = (y_stop - y_start, *self.section_shape[1:])
        row_bytes = self.section_bytes // height
        values = np.empty(shape, self.dtype)
        with held(self.path) as place, place.open("rb") as file:
            file.seek(self.offset + z * self.section_bytes + y_start * row_bytes)
            found = file.readinto(values.reshape(-1).view(np.uint8).data)
        if found < values.nbytes:
            raise DamagedFile(
                f"{self.path.name}: section {z + 1} needs {values.nbytes} bytes and {found} were there. "
                "The file was cut while it was read: copy or export it again."
            )
        return values.astype(values.dtype.newbyteorder("="), copy=False)
