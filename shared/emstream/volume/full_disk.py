"""A file that keeps HDF5 sound when the disk is full."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class DiskFullSafeFile(io.FileIO):
    """The file that HDF5 writes to. After the disk's first error it writes nothing more, and reports success.

    A file that HDF5 cannot close, as its last bytes do not fit on the disk, corrupts the library: closing any other
    file may then end the process. So from `close_quietly` on the error is kept, for `raise_what_was_kept`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._error: OSError | None = None
        self._is_quiet = False

    def close_quietly(self) -> None:
        """Raise nothing from now on: HDF5 is about to close the file."""
        self._is_quiet = True

    def raise_what_was_kept(self) -> None:
        """Raise the disk's error, if there was one."""
        if self._error is not None:
            raise self._error

    def write(self, data: Buffer, /) -> int:
        """Write all of it."""
        rest = memoryview(data).cast("B")
        length = len(rest)
        with self._noting_errors():
            while rest and self._error is None:
                rest = rest[super().write(rest) :]
        return length

    def truncate(self, size: int | None = None, /) -> int:
        """Make the file this long."""
        with self._noting_errors():
            if self._error is None:
                super().truncate(size)
        return self.tell() if size is None else size

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill the buffer, with zeros where nothing was written."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (count := super().readinto(view[filled:])):
            filled += count
        view[filled:] = bytes(len(view) - filled)
        return len(view)

    @contextmanager
    def _noting_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._error = error
            if not self._is_quiet:
                raise
