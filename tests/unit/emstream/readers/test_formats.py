"""The table of stack formats: each row is recognised and named, and has its opener."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from emstream.errors import DamagedFile, EmptyInput, InputUnreadable, UnsupportedFormat
from emstream.readers.formats import (
    ALL_KINDS,
    ALLOWED,
    FORMATS,
    MARK_BYTES,
    MRC,
    TIFF,
    StackFormat,
    enumerated,
    format_of,
    kind_of,
    known_kind,
    suffixes_of,
)
from emstream.readers.open_stack import OPENERS

KINDS = [row.kind for row in FORMATS]


def marked(at: int, mark: bytes) -> bytes:
    return bytes(at) + mark + bytes(10)


@pytest.mark.parametrize("row", FORMATS, ids=KINDS)
def test_each_of_a_formats_marks_is_recognised_whatever_the_name(row: StackFormat) -> None:
    for at, mark in row.marks:
        assert at + len(mark) <= MARK_BYTES
        assert format_of(marked(at, mark), ".dat") is row


@pytest.mark.parametrize("row", FORMATS, ids=KINDS)
def test_a_format_without_its_reader_opens_nothing(row: StackFormat, tmp_path: Path) -> None:
    """The reader's module is there, and refuses a file that has only the format's mark."""
    path = tmp_path / f"a{row.suffixes[0]}"
    path.write_bytes(marked(*row.marks[0]))
    with pytest.raises(InputUnreadable, match=re.escape(path.name)):
        OPENERS[row.kind](path, None)


def test_no_two_formats_share_a_suffix_or_a_name() -> None:
    for one, other in combinations(FORMATS, 2):
        assert not set(one.suffixes) & set(other.suffixes)
        assert one.kind != other.kind


def test_suffixes_are_lower_case_with_their_dot() -> None:
    assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in suffixes_of(FORMATS))


def test_what_can_be_given_names_every_format() -> None:
    assert all(row.said_as in ALLOWED for row in FORMATS)
    assert ALLOWED.startswith("a folder of PNG, JPEG or TIFF sections, or one file: a TIFF stack, HDF5, MRC")


def test_old_mrc_files_are_known_by_their_suffix_if_they_hold_a_header() -> None:
    assert MRC.fits(bytes(1024), ".rec")
    assert not MRC.fits(bytes(1023), ".rec")
    assert not MRC.fits(bytes(1024), ".dat")


def test_a_list_of_one_needs_no_conjunction() -> None:
    assert enumerated(["PNG"]) == "PNG"
    assert enumerated(["PNG", "JPEG"], "and") == "PNG and JPEG"


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"II*\0" + bytes(100))
    assert kind_of(path) is TIFF
    assert known_kind(path) is TIFF


@pytest.mark.parametrize(
    ("name", "content", "error", "sentence"),
    [
        ("a.tif", b"", EmptyInput, "is empty"),
        ("a.tif", b"text", DamagedFile, f"its content is no {ALL_KINDS}"),
        ("a.txt", b"text", UnsupportedFormat, "is of a kind that is not read; give a folder"),
    ],
)
def test_other_files_have_their_sentences(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=sentence):
        known_kind(tmp_path / name)


def test_a_file_that_cannot_be_opened_has_its_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="cannot be read"):
        kind_of(tmp_path / "none.tif")
