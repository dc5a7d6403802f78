"""Samples: the files among many that make one job together. The one rule, for uploads and for files on this machine.

1. An HDF5 or MRC file is a sample by itself, wherever it is.
2. A TIFF file without a folder is one, too: it may hold all sections.
3. The other files of a folder are one sample, and so are those without a folder.
Clutter belongs to none.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from emstream.readers.formats import CLUTTER, LONE_SUFFIXES, STACK_SUFFIXES

IMAGES = "images"
"""Name of the sample that images without a folder make."""


def is_clutter(name: str) -> bool:
    """Whether a file is no section: hidden files, and what desktops leave in folders.

    >>> is_clutter("a/.DS_Store"), is_clutter("__MACOSX/a/1.png"), is_clutter("a/1.png")
    (True, True, False)
    """
    parts = _path(name).parts
    return parts[-1].startswith(".") or any(part.casefold() in CLUTTER for part in parts)


def is_stack(name: str) -> bool:
    """Whether a file, by its suffix, is a stack by itself: one that no folder holds may be a TIFF, too.

    >>> [is_stack(name) for name in ("a/b.h5", "a/b.tif", "b.tif", "b.png")]
    [True, False, True, False]
    """
    path = _path(name)
    return path.suffix.lower() in (STACK_SUFFIXES if len(path.parts) == 1 else LONE_SUFFIXES)


def sample_of(name: str) -> str:
    """Return the sample of a file. name: relative to what was given, with "/" or "\\" between folders.

    >>> sample_of("a/b/1.png"), sample_of("a/stack.h5"), sample_of("1.png")
    ('a/b', 'a/stack.h5', 'images')
    """
    if is_stack(name):
        return name
    folder = str(_path(name).parent)
    return IMAGES if folder == "." else folder


def _path(name: str) -> PurePosixPath:
    """Return a name as a path; Windows and its archives have "\\" between folders, which elsewhere is in no name."""
    return PurePosixPath(name.replace("\\", "/"))
