"""Files of slabs that are kept open: opening one costs more than reading a tile. They are never written."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import h5py

from emstream.errors import VolumeDamaged

Found = TypeVar("Found")
MOST_OPEN = 16
"""Largest number of open files; each holds some 100 kB."""
_Stamp = tuple[int, int]


class SlabFiles:
    """See the module's text. One thread reads at a time, as HDF5 demands anyway."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._open: OrderedDict[Path, tuple[_Stamp, h5py.File]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path, call: Callable[[h5py.File], Found]) -> Found:
        """Return call(file). Raises FileNotFoundError before the slab is published, VolumeDamaged."""
        facts = path.stat()
        with self._lock:
            return call(self._file(path, (facts.st_ino, facts.st_mtime_ns)))

    def drop(self, folder: Path) -> None:
        """Close the files of a folder: they take disk space while they are open."""
        with self._lock:
            for path in [path for path in self._open if path.is_relative_to(folder)]:
                self._open.pop(path)[1].close()

    def close(self) -> None:
        """Close all."""
        self.drop(Path("/"))

    def _file(self, path: Path, stamp: _Stamp) -> h5py.File:
        known = self._open.pop(path, None)
        if known is not None and known[0] != stamp:
            known[1].close()
            known = None
        file = known[1] if known else _opened(path)
        self._open[path] = stamp, file
        while len(self._open) > self._most:
            self._open.popitem(last=False)[1][1].close()
        return file


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)
    except OSError as error:
        raise VolumeDamaged(f"the file {path.name} of the job is damaged: retry the job") from error
