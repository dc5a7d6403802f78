"""The one rule of which files make a job together. The page's tests read the same cases, tests/samples.json."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.readers.formats import FORMATS, LONE_SUFFIXES, STACK_SUFFIXES
from emstream.readers.samples import IMAGES, is_clutter, is_stack, sample_of
from emstream.readers.section_numbers import natural_key
from tests.places import ROOT

CASES = json.loads((ROOT / "tests" / "samples.json").read_text())
PARTS = st.text("ab1.", min_size=1, max_size=5).filter(lambda part: part.strip("."))
SUFFIXES = st.sampled_from([*(suffix for row in FORMATS for suffix in row.suffixes), ".txt", ""])


def test_each_folder_and_each_stack_is_a_sample_and_loose_images_are_one() -> None:
    names = ["a/1.png", "a/2.png", "b/c/1.tif", "whole.TIF", "whole.h5", "1.png", "2.jpg"]
    samples = [sample_of(name) for name in names]
    assert samples == ["a", "a", "b/c", "whole.TIF", "whole.h5", "images", "images"]


@pytest.mark.parametrize(("file", "sample"), [(case["file"], case["sample"]) for case in CASES["samples"]])
def test_a_file_belongs_to_the_sample_of_the_table(file: str, sample: str | None) -> None:
    assert (None if is_clutter(file) else sample_of(file)) == sample


def test_files_are_in_the_natural_order_of_the_table() -> None:
    assert sorted(sorted(CASES["order"]), key=natural_key) == CASES["order"]


@pytest.mark.parametrize("suffix", [".btf", ".tf8", ".tif", ".TIFF"])
def test_every_kind_of_tiff_is_a_stack_by_itself_and_a_section_in_a_folder(suffix: str) -> None:
    assert sample_of(f"brain{suffix}") == f"brain{suffix}"
    assert sample_of(f"rat/brain{suffix}") == "rat"


@given(folders=st.lists(PARTS, max_size=3), stem=PARTS, suffix=SUFFIXES)
def test_a_file_is_a_sample_by_itself_exactly_if_it_is_a_stack(folders: list[str], stem: str, suffix: str) -> None:
    name = "/".join([*folders, f"x{stem}{suffix}"])
    sample = sample_of(name)
    assert (sample == name) == is_stack(name)
    assert sample in (name, "/".join(folders) or IMAGES)


def test_what_is_a_stack_in_a_folder_is_one_without() -> None:
    assert LONE_SUFFIXES < STACK_SUFFIXES


def test_what_desktops_strew_about_is_known() -> None:
    assert all(map(is_clutter, ["a/.DS_Store", "Thumbs.db", "__MACOSX/a/1.png", "._1.png"]))
    assert not is_clutter("a/1.png")


def test_folders_of_windows_part_samples() -> None:
    assert [sample_of(name) for name in ("cellA\\1.png", "cellB\\1.png", "c\\v.h5")] == ["cellA", "cellB", "c\\v.h5"]
    assert not is_stack("cellA\\1.tif")
    assert is_clutter("__MACOSX\\1.png")
