"""Training files: errors are reported in a sentence that names the entry."""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from emstream.errors import TrainingDataUnusable
from emstream_training.data.sources import Source, read_training_file


def training_file(folder: Path, **changes: object) -> Path:
    """Write a training file with one source; `changes` go into that source, or, as top_*, next to it."""
    source: dict[str, Any] = {"images": "a/images", "labels": "a/labels"}
    whole: dict[str, Any] = {"sources": [source], "validation": [{"images": "b/images", "labels": "b/labels"}]}
    for name, value in changes.items():
        (whole if name.startswith("top_") else source)[name.removeprefix("top_")] = value
    path = folder / "data.json"
    path.write_text(json.dumps(whole))
    return path


def test_relative_paths_begin_at_the_file_and_whole_ones_stay(tmp_path: Path) -> None:
    found = read_training_file(training_file(tmp_path, labels="/elsewhere/labels", ignore="a/out.tif"))
    [source] = found.sources
    assert source.images == tmp_path / "a" / "images"
    assert source.labels == Path("/elsewhere/labels")
    assert source.ignore == tmp_path / "a" / "out.tif"
    assert found.validation[0].labels == tmp_path / "b" / "labels"


def test_files_of_windows_editors_are_read(tmp_path: Path) -> None:
    path = training_file(tmp_path)
    text = json.dumps(json.loads(path.read_text()), indent=1).replace("\n", "\r\n")
    expected = read_training_file(path)
    for content in (codecs.BOM_UTF8 + text.encode(), text.encode("utf-16"), text.encode("utf-8")):
        path.write_bytes(content)
        assert read_training_file(path) == expected


def test_a_header_tells_the_last_folders_only(tmp_path: Path) -> None:
    header = Source(images=tmp_path / "x" / "a" / "images", labels=tmp_path / "x" / "a" / "labels.tif").for_header()
    assert header["images"] == "x/a/images"
    assert str(tmp_path) not in json.dumps(header)


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"image": "a"}, r"'sources\[0\].image' is not known here; known are images, labels, "),
        ({"top_pixelsize": 5}, r"'pixelsize' is not known here; known are sources, validation, pixel_size_nm"),
        ({"top_sources": []}, r"'sources' is \[\].*at least 1 item"),
        ({"top_validation": [{"images": "a"}]}, r"'validation\[0\].labels' is missing"),
        ({"weight": 0}, r"'sources\[0\].weight' is 0, .*greater than 0"),
        ({"weight": "much"}, r"'sources\[0\].weight' is 'much'"),
        ({"decoys": 1.5}, r"decoys' is 1.5, .*less than or equal to 1"),
        ({"pixel_size_nm": -5}, r"pixel_size_nm' is -5, .*greater than 0"),
        ({"top_pixel_size_nm": 0}, r"'pixel_size_nm' is 0"),
        ({"z_steps": [0]}, r"z_steps\[0\]' is 0"),
        ({"kind": "partial"}, r"kind' is 'partial', .*'full' or 'negative'"),
        ({"first": 3, "last": 2}, r"sources\[0\]: 'last' is 2 and 'first' is 3"),
        ({"top_validation": [{"images": "a", "labels": "b", "kind": "negative"}]}, r"validation\[0\] has 'kind'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, object], phrase: str) -> None:
    with pytest.raises(TrainingDataUnusable, match=phrase) as raised:
        read_training_file(training_file(tmp_path, **changes))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_json_or_not_there_is_reported(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text("sources:")
    with pytest.raises(TrainingDataUnusable, match="this is no JSON"):
        read_training_file(tmp_path / "data.json")
    with pytest.raises(TrainingDataUnusable, match="cannot be read"):
        read_training_file(tmp_path / "nowhere.json")
