"""Samples: paths that a user names, and the jobs that they make."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.client.samples import plan_samples
from emstream.errors import EmptyInput, InputUnreadable, UnsupportedFormat


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def planned(*paths: Path) -> dict[str, list[str]]:
    return {sample.name: [file.name for file in sample.files] for sample in plan_samples(paths)}


def test_a_folder_of_sections_is_one_sample_and_clutter_stays(tmp_path: Path) -> None:
    folder = make(tmp_path / "brain", "s1.tif", "s2.tif", ".DS_Store", "Thumbs.db", "labels/l1.tif")
    assert planned(folder) == {"brain": ["s1.tif", "s2.tif"]}


def test_a_folder_of_folders_is_a_sample_each_however_deep(tmp_path: Path) -> None:
    folder = make(tmp_path / "all", "b/s1.png", "a/s1.png", "deep/c/s1.png", ".git/config")
    assert planned(folder) == {"a": ["s1.png"], "b": ["s1.png"], "c": ["s1.png"]}


def test_stacks_are_a_sample_each(tmp_path: Path) -> None:
    folder = make(tmp_path / "stacks", "a.h5", "b.mrc")
    assert planned(folder) == {"a": ["a.h5"], "b": ["b.mrc"]}
    tiffs = make(tmp_path / "tiffs", "a.tif", "b.tif")
    assert planned(tiffs / "a.tif", tiffs / "b.tif") == {"a": ["a.tif"], "b": ["b.tif"]}


def test_images_given_by_name_are_one_sample(tmp_path: Path) -> None:
    folder = make(tmp_path / "some", "a.png", "b.jpg")
    assert planned(folder / "b.jpg", folder / "a.png") == {"some": ["b.jpg", "a.png"]}


def test_nothing_to_send_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="does not exist"):
        plan_samples([tmp_path / "none"])
    with pytest.raises(EmptyInput, match="holds no files"):
        plan_samples([make(tmp_path / "empty", ".hidden")])
    with pytest.raises(EmptyInput, match="nothing to send"):
        plan_samples([])


def test_big_tiffs_are_a_stack_each(tmp_path: Path) -> None:
    folder = make(tmp_path / "big", "a.btf", "b.tf8")
    assert planned(folder / "a.btf", folder / "b.tf8") == {"a": ["a.btf"], "b": ["b.tf8"]}


def test_a_stack_among_sections_is_a_sample_by_itself(tmp_path: Path) -> None:
    folder = make(tmp_path / "mixed", "s1.png", "s2.png", "whole.h5")
    assert planned(folder) == {"mixed": ["s1.png", "s2.png"], "whole": ["whole.h5"]}


@pytest.mark.parametrize(("content", "words"), [(b"x", "of a kind that is not read"), (b"PK\3\4", "unpack it")])
def test_files_that_are_no_sections_are_not_sent(tmp_path: Path, content: bytes, words: str) -> None:
    folder = make(tmp_path / "some", "a.png")
    (folder / "notes.txt").write_bytes(content)
    with pytest.raises(UnsupportedFormat, match=rf"notes\.txt is .*{words}"):
        plan_samples([folder / "a.png", folder / "notes.txt"])
    assert planned(folder) == {"some": ["a.png", "notes.txt"]}, "the service says what it skips"
    (folder / "a.png").unlink()
    with pytest.raises(UnsupportedFormat, match=r"notes\.txt"):
        plan_samples([folder])


def test_folders_of_windows_are_a_sample_each(tmp_path: Path) -> None:
    folder = make(tmp_path / "all", "cellA\\1.png", "cellB\\1.png")
    assert planned(folder) == {"cellA": ["cellA\\1.png"], "cellB": ["cellB\\1.png"]}
