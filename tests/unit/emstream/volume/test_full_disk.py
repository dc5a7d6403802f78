"""The file that keeps HDF5 sound when the disk is full."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from emstream.volume.files import DiskFullSafeFile


def test_what_was_written_comes_back_with_zeros_where_nothing_was(tmp_path: Path) -> None:
    with DiskFullSafeFile(tmp_path / "a") as file:
        assert file.write(b"abc") == 3
        file.seek(0)
        buffer = bytearray(b"xxxxxx")
        assert file.readinto(buffer) == 6
        assert buffer == b"abc\0\0\0"
        assert file.truncate(2) == 2
        file.raise_what_was_kept()
    assert (tmp_path / "a").read_bytes() == b"ab"


def test_an_error_is_raised_at_once_and_kept(tmp_path: Path) -> None:
    with DiskFullSafeFile(tmp_path / "a") as file:
        with pytest.raises(OSError, match="No space"), file._noting_errors():
            raise OSError(errno.ENOSPC, "No space left")
        assert file.write(b"more") == 4
        file.truncate(100)
        with pytest.raises(OSError, match="No space"):
            file.raise_what_was_kept()
    assert (tmp_path / "a").read_bytes() == b""


def test_from_closing_on_errors_are_kept_only(tmp_path: Path) -> None:
    with DiskFullSafeFile(tmp_path / "a") as file:
        file.close_quietly()
        with file._noting_errors():
            raise OSError(errno.ENOSPC, "No space left")
        with pytest.raises(OSError, match="No space"):
            file.raise_what_was_kept()
