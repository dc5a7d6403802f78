"""Names of uploaded files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import UploadRefused
from emstream_gateway.storage.file_names import check_name, check_one_folder, folded, suffix_of

BAD = [
    "",
    "../up.png",
    "a/../../up.png",
    "a\\..\\up.png",
    "/etc/passwd",
    "\\\\server\\share.png",
    "C:\\scan.tif",
    "a//b.png",
    "./a.png",
    "nul\0.png",
    "line\nbreak.png",
    "bell\x07.png",
    "x" * 256,
    "ä" * 128,
    "folder/" + "y" * 300 + ".png",
    "a/" * 2100 + "b",
    "lone\ud800.png",
]


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(UploadRefused, match="file name"):
        check_name(name)


@pytest.mark.parametrize("name", ["s1.png", "Probe 7/Schnitt 012.TIF", "脳/切片1.tif", "x" * 255, "a..b.png"])
def test_ordinary_names_pass(name: str) -> None:
    assert check_name(name) == name


@given(st.text(max_size=300))
def test_a_name_that_passes_stays_inside_any_folder(name: str) -> None:
    try:
        check_name(name)
    except UploadRefused:
        return
    parts = name.replace("\\", "/").split("/")
    assert not {"", ".", ".."} & set(parts)
    assert "\0" not in name


def test_names_that_some_disks_cannot_tell_apart_fold_to_one() -> None:
    assert folded("S1.PNG") == folded("s1.png")
    assert folded("e\u0301.png") == folded("\u00e9.png")
    assert folded("s1.png") != folded("s2.png")


def test_stored_suffixes_are_plain() -> None:
    assert suffix_of("a/b.TIFF") == ".tiff"
    assert suffix_of("a.p$g") == suffix_of("none") == suffix_of("long.abcdefghi") == ""


def test_files_of_two_folders_are_not_one_stack() -> None:
    check_one_folder(["a/1.png", "a/2.png"])
    with pytest.raises(UploadRefused, match="one job is one stack"):
        check_one_folder(["a/1.png", "b/1.png"])
