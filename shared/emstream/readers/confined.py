"""Input files opened below allowed folders: no link leads out of them, also not one that is made after a check.

A path is walked from the allowed folder's descriptor, part by part, without following links; a link's target is walked
in the same way, so links within the folders work. Readers then open the descriptor, which nothing can exchange.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from emstream.errors import InputUnreadable

MOST_LINKS = 40
"""Largest number of links on the way to a file, as in Linux."""
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_roots: tuple[Path, ...] | None = None


def confine(roots: Iterable[Path] | None) -> None:
    """Let this process read input below these folders only; None: anywhere, as the command line does."""
    global _roots
    _roots = None if roots is None else tuple(root.resolve() for root in roots)


@contextmanager
def held(path: Path) -> Iterator[Path]:
    """Give a path to open that is this very file or folder. Raises InputUnreadable for one outside, and OSError."""
    if _roots is None:
        yield path
        return
    descriptor = open_below(path, _roots)
    try:
        yield Path(f"/dev/fd/{descriptor}")
    finally:
        os.close(descriptor)


def entries(folder: Path) -> list[Path]:
    """Return the paths of what is in a folder, in no order."""
    with held(folder) as place:
        return [folder / name for name in os.listdir(place)]


def open_below(path: Path, roots: tuple[Path, ...]) -> int:
    """Return a descriptor of a file or folder. Raises InputUnreadable for one outside, or of another kind, and OSError.

    roots: without links in them.
    """
    wanted = Path(os.path.abspath(path))
    for _ in range(MOST_LINKS):
        root = next((root for root in roots if wanted.is_relative_to(root)), None)
        if root is None:
            raise InputUnreadable(
                f"{path.name} leads out of the folders that this service reads (EMSTREAM_INPUT_ROOTS): "
                "put the files themselves there"
            )
        found = _walk(root, wanted.relative_to(root).parts)
        if isinstance(found, int):
            return _checked(found, path.name)
        wanted = found
    raise InputUnreadable(f"{path.name} is behind more than {MOST_LINKS} links: give the file itself")


def _walk(root: Path, parts: tuple[str, ...]) -> int | Path:
    """Return the descriptor at the end of the parts, or the path that a link on the way leads to."""
    here, place = os.open(root, _FOLDER if parts else os.O_RDONLY | os.O_CLOEXEC), root
    for number, part in enumerate(parts, 1):
        try:
            following = os.open(part, _FOLDER if number < len(parts) else _FILE, dir_fd=here)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and (target := _target(part, here)):
                return Path(os.path.normpath(place.joinpath(target, *parts[number:])))
            raise
        finally:
            os.close(here)
        here, place = following, place / part
    return here


def _target(name: str, folder: int) -> str:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return ""


def _checked(descriptor: int, name: str) -> int:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return descriptor
    os.close(descriptor)
    raise InputUnreadable(f"{name} is neither a file nor a folder: give a stack or a folder of sections")
