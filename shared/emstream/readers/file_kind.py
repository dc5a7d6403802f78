"""The format of a file, by its first bytes: names lie, and uploaded files have generated names."""

from __future__ import annotations

from pathlib import Path

from emstream.errors import DamagedFile, EmptyInput, InputUnreadable, UnsupportedFormat
from emstream.readers.formats import ALL_KINDS, ALLOWED, FORMATS, MARK_BYTES, StackFormat, format_of, suffixes_of


def kind_of(path: Path) -> StackFormat | None:
    """Return the format of a file by its content, or None. Raises InputUnreadable."""
    try:
        with path.open("rb") as file:
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
    if path.suffix.lower() in suffixes_of(FORMATS):
        raise DamagedFile(
            f"{path.name} does not hold what its name says: its content is no {ALL_KINDS}. "
            "It may be truncated or renamed: copy or export it again."
        )
    raise UnsupportedFormat(f"{path.name} is of a kind that is not read; give {ALLOWED}.")
