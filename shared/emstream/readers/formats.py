"""Formats of stacks: how each is recognised and named; and clutter, which is in no stack.

A format is one row of `FORMATS`; `open_stack.OPENERS` names its reader. A file's content decides on its format; its
suffix decides what belongs together and is a hint where the content has no mark. Readers import this module, so it
imports none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import DamagedFile, EmptyInput, InputUnreadable, UnsupportedFormat
from emstream.readers.confined import held

CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""Names of what file managers leave in folders; so is every name that begins with a dot."""
ZIP_MARK = b"PK\3\4"
MARK_BYTES = 4096
"""Bytes at a file's start that decide on its format."""


@dataclass(frozen=True, slots=True)
class StackFormat:
    """One format that is read.

    kind: its name in sentences. suffixes: in lower case, with the dot. said_as: as a sentence offers a file of it.
    marks: (offset, bytes); a file that has one of them is of this format. bytes_without_mark: a file of this length or
    longer needs no mark if its suffix fits; 0 = the mark is needed. is_image: a file may be one section of a folder of
    sections. is_stack: a file may hold a stack. has_datasets: a file may hold several stacks, by name.
    """

    kind: str
    suffixes: tuple[str, ...]
    said_as: str
    marks: tuple[tuple[int, bytes], ...]
    bytes_without_mark: int = 0
    is_image: bool = False
    is_stack: bool = True
    has_datasets: bool = False

    def fits(self, start: bytes, suffix: str) -> bool:
        """Whether a file is of this format. start: its first bytes; suffix: of its name, in lower case.

        >>> TIFF.fits(b"II*\\0 and more", ".dat"), TIFF.fits(b"no TIFF", ".tif")
        (True, False)
        """
        if any(start.startswith(mark, at) for at, mark in self.marks):
            return True
        return 0 < self.bytes_without_mark <= len(start) and suffix in self.suffixes


PNG = StackFormat(
    "PNG",
    (".png",),
    "a single PNG",
    ((0, b"\x89PNG\r\n\x1a\n"),),
    is_image=True,
    is_stack=False,
)
JPEG = StackFormat(
    "JPEG",
    (".jpg", ".jpeg"),
    "a single JPEG",
    ((0, b"\xff\xd8\xff"),),
    is_image=True,
    is_stack=False,
)
TIFF = StackFormat(
    "TIFF",
    (".tif", ".tiff", ".btf", ".tf8"),
    "a TIFF stack",
    tuple((0, mark) for mark in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    is_image=True,
)
HDF5 = StackFormat(
    "HDF5",
    (".h5", ".hdf5", ".hdf", ".he5", ".ims", ".emd"),
    "HDF5",
    tuple((at, b"\x89HDF\r\n\x1a\n") for at in (0, 512, 1024, 2048)),  # behind a user block of these sizes
    has_datasets=True,
)
MRC = StackFormat(
    "MRC",
    (".mrc", ".mrcs", ".rec", ".st", ".ali", ".preali", ".map"),
    "MRC (.mrc, .rec, .st)",
    ((208, b"MAP"),),
    bytes_without_mark=1024,  # old files have no mark
)
FORMATS = (PNG, JPEG, TIFF, HDF5, MRC)
"""Formats in the order in which they are tried and named."""


def format_of(start: bytes, suffix: str) -> StackFormat | None:
    """Return the format of a file with these first bytes (MARK_BYTES of them) and this suffix, or None."""
    return next((row for row in FORMATS if row.fits(start, suffix)), None)


def suffixes_of(formats: Iterable[StackFormat]) -> frozenset[str]:
    """Return the suffixes of some formats."""
    return frozenset(suffix for row in formats for suffix in row.suffixes)


def enumerated(names: Iterable[str], last: str = "or") -> str:
    """Return names as a list in a sentence.

    >>> enumerated(["PNG", "JPEG", "TIFF"])
    'PNG, JPEG or TIFF'
    """
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


IMAGE_SUFFIXES = suffixes_of(row for row in FORMATS if row.is_image)
STACK_SUFFIXES = suffixes_of(row for row in FORMATS if row.is_stack)
"""Suffixes of files that, given by themselves, are a stack each."""
LONE_SUFFIXES = STACK_SUFFIXES - IMAGE_SUFFIXES
"""Suffixes of files that are a stack each also in a folder."""
IMAGE_KINDS = enumerated(row.kind for row in FORMATS if row.is_image)
STACK_KINDS = enumerated(row.kind for row in FORMATS if row.is_stack)
ALL_KINDS = enumerated(row.kind for row in FORMATS)
_ONE_FILE = enumerated(row.said_as for row in sorted(FORMATS, key=lambda row: not row.is_stack))
ALLOWED = f"a folder of {IMAGE_KINDS} sections, or one file: {_ONE_FILE}"
"""What can be given, for a sentence that begins with "give"."""


def kind_of(path: Path) -> StackFormat | None:
    """Return the format of a file by its content, or None. Raises InputUnreadable."""
    try:
        with held(path) as place, place.open("rb") as file:
            start = file.read(MARK_BYTES)
    except OSError as error:
        raise InputUnreadable(f"{path.name} cannot be read: {error.strerror}. Check its permissions.") from error
    return format_of(start, path.suffix.lower())


def known_kind(path: Path) -> StackFormat:
    """Return the format of a file. Raises EmptyInput, DamagedFile or UnsupportedFormat, saying what is allowed."""
    if path.stat().st_size == 0:
        raise EmptyInput(f"{path.name} is empty (0 bytes): copy or export it again.")
    kind = kind_of(path)
    if kind is not None:
        return kind
    with held(path) as place, place.open("rb") as file:
        if file.read(len(ZIP_MARK)) == ZIP_MARK:
            raise UnsupportedFormat(f"{path.name} is a zip archive: unpack it, and give the folder with its sections.")
    if path.suffix.lower() in suffixes_of(FORMATS):
        raise DamagedFile(
            f"{path.name} does not hold what its name says: its content is no {ALL_KINDS}. "
            "It may be truncated or renamed: copy or export it again."
        )
    raise UnsupportedFormat(f"{path.name} is of a kind that is not read; give {ALLOWED}.")
