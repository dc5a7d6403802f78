"""Files that appear only when complete: one writer per file, published by link.

A file is written under a temporary name, flushed to disk, and linked to its final name: the first one published wins
and never changes. A file under its final name is complete.
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from emstream.errors import DiskFull, VolumeDamaged

if TYPE_CHECKING:
    from typing_extensions import Buffer

Check = Callable[[], None]
"""Called between steps and last before a file is published; raises what ends a writer whose file is not wanted."""
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
    """Open a published file for reading. Raises VolumeDamaged if it is not complete."""
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise VolumeDamaged(f"{path} cannot be read ({error}): delete it and run the same command again") from error
    with file:
        yield file


@contextmanager
def created(part: Path) -> Iterator[h5py.File]:
    """Create an HDF5 file at a temporary path; once closed, it is opened again to check that it is complete.

    Raises the disk's own OSError.
    """
    with DiskFullSafeFile(part) as sink:
        with h5py.File(part, "w", driver="fileobj", fileobj=sink, libver="v110") as file:
            try:
                yield file
            finally:
                sink.close_quietly()
        sink.raise_what_was_kept()
    with opened(part):
        pass


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
