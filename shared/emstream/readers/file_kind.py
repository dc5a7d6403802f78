"""What a file is, by its first bytes: names lie, and uploaded files have generated names."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from emstream.errors import DamagedFile, EmptyInput, InputUnreadable, UnsupportedFormat
from emstream.readers import suffixes
from emstream.readers.images import JPEG_MAGIC, PNG_MAGIC

ALLOWED = (
    "a folder of PNG, JPEG or TIFF sections, or one file: a TIFF stack, HDF5, MRC (.mrc, .rec, .st), "
    "or a single PNG or JPEG"
)
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_HDF5_STARTS = (0, 512, 1024, 2048)  # behind a user block of these sizes
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MRC_MAP_AT = 208


class Kind(Enum):
    """The formats that are read."""

    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"
    HDF5 = "HDF5"
    MRC = "MRC"


IMAGES = (Kind.PNG, Kind.JPEG, Kind.TIFF)


def kind_of(path: Path) -> Kind | None:
    """Return the format of a file by its content, or None. Old MRC files, which have no mark, are known by suffix."""
    try:
        with path.open("rb") as file:
            start = file.read(max(_HDF5_STARTS) + len(_HDF5_MAGIC))
    except OSError as error:
        raise InputUnreadable(f"{path.name} cannot be read: {error.strerror}. Check its permissions.") from error
    if start.startswith(PNG_MAGIC):
        return Kind.PNG
    if start.startswith(JPEG_MAGIC):
        return Kind.JPEG
    if start.startswith(_TIFF_MAGICS):
        return Kind.TIFF
    if any(start.startswith(_HDF5_MAGIC, at) for at in _HDF5_STARTS):
        return Kind.HDF5
    if start[_MRC_MAP_AT : _MRC_MAP_AT + 3] == b"MAP" or (path.suffix.lower() in suffixes.MRC and len(start) >= 1024):
        return Kind.MRC
    return None


def known_kind(path: Path) -> Kind:
    """Return the format of a file. Raises EmptyInput, DamagedFile or UnsupportedFormat, saying what is allowed."""
    if path.stat().st_size == 0:
        raise EmptyInput(f"{path.name} is empty (0 bytes): copy or export it again.")
    kind = kind_of(path)
    if kind is not None:
        return kind
    if path.suffix.lower() in (*suffixes.IMAGES, *suffixes.STACKS):
        raise DamagedFile(
            f"{path.name} does not hold what its name says: its content is no PNG, JPEG, TIFF, HDF5 or MRC. "
            "It may be truncated or renamed: copy or export it again."
        )
    raise UnsupportedFormat(f"{path.name} is of a kind that is not read; give {ALLOWED}.")
