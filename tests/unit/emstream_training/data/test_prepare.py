"""The variants of labelled stacks in one file, and that training reads them back."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from emstream.errors import OutputInUse, UsageError
from emstream_training.data.labelled_files import LabelledStack, load_stack
from emstream_training.data.layers import IGNORE
from emstream_training.data.prepare import COUNT, prepare, variant
from emstream_training.data.sources import read_training_file
from tests.unit.emstream_training.stacks import UINT8, grey_stack, truth_of, write_sections

IMAGES = grey_stack((3, 70, 90))
TRUTH = truth_of(IMAGES)


@pytest.fixture
def training_file(tmp_path: Path) -> Path:
    write_sections(tmp_path / "images", IMAGES)
    write_sections(tmp_path / "labels", TRUTH * 255)
    for z in range(2):
        for name, planes in (("mixed", IMAGES), ("numbered", TRUTH * 3)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(planes[z, : 70 - 30 * z]).save(tmp_path / name / f"{z}.png")
    stack = {"images": "images", "labels": "labels"}
    mixed = {"images": "mixed", "labels": "numbered", "instances": True, "is_stack": False}
    sources = [{**stack, "first": 1, "weight": 0.5, "z_steps": [1, 2]}, {**stack, "kind": "negative"}, mixed]
    sources += [{**stack, "pixel_size_nm": 10}]
    path = tmp_path / "data.json"
    content = {"sources": sources, "validation": [{**stack, "last": 0}], "pixel_size_nm": 5, "data_licence": "own"}
    path.write_text(json.dumps(content))
    return path


def turned(stack: UINT8, number: int) -> UINT8:
    return np.stack(list(variant(tuple(stack), number)))


def loaded(path: Path, key: str) -> list[LabelledStack]:
    described = read_training_file(path)
    return [load_stack(source, described.pixel_size_nm) for source in getattr(described, key)]


def test_the_file_holds_every_variant_of_every_stack(tmp_path: Path, training_file: Path) -> None:
    prepare(training_file, tmp_path / "all.h5")
    with h5py.File(tmp_path / "all.h5") as file:
        assert sorted(file) == ["sources", "validation"]
        assert sorted(file["sources"]) == ["1", "2", "3", "4"]
        for number in range(1, COUNT + 1):
            group = file[f"sources/1/v{number}"]
            assert np.array_equal(group["data"][:], turned(IMAGES[1:], number))
            assert np.array_equal(group["label"][:], turned(TRUTH[1:], number))
        assert np.array_equal(file["sources/2/v1/label"][:], np.where(TRUTH > 0, 0, IGNORE))
        assert file["sources/3/v1/data"].shape == (2, 70, 90)
        assert (file["sources/3/v1/label"][1, 40:] == IGNORE).all()
        assert file["sources/4/v1/data"].shape == (3, 140, 180)
        assert np.array_equal(file["validation/1/v9/data"][:], IMAGES[:1])


def test_training_reads_back_what_was_prepared(tmp_path: Path, training_file: Path) -> None:
    description = prepare(training_file, tmp_path / "all.h5")
    described = read_training_file(description)
    assert (described.pixel_size_nm, described.data_licence) == (5, "own")
    assert (described.sources[0].weight, described.sources[0].z_steps) == (0.5, (1, 2))
    for key in ("sources", "validation"):
        for before, after in zip(loaded(training_file, key), loaded(description, key), strict=True):
            for one, other in zip((*before.images, *before.labels), (*after.images, *after.labels), strict=True):
                height, width = one.shape
                assert np.array_equal(one, other[:height, :width])
    twelfth = described.sources[0].model_copy(
        update={"images_dataset": "sources/1/v12/data", "labels_dataset": "sources/1/v12/label"}
    )
    assert np.array_equal(load_stack(twelfth).images, turned(IMAGES[1:], 12))


def test_lines_say_what_was_paired(tmp_path: Path, training_file: Path) -> None:
    lines: list[str] = []
    prepare(training_file, tmp_path / "all.h5", lines.append)
    assert lines[0] == "stack 1 of 5: images with labels labels: 3 sections, 0..2, paired by number"
    assert lines[2] == "stack 3 of 5: mixed with labels numbered: 2 sections, 0..1, paired by number"


def test_nothing_is_written_over(tmp_path: Path, training_file: Path) -> None:
    with pytest.raises(OutputInUse, match=r"data.json exists already"):
        prepare(training_file, tmp_path / "data.h5")
    (tmp_path / "all.h5").touch()
    with pytest.raises(OutputInUse, match=r"all.h5 exists already"):
        prepare(training_file, tmp_path / "all.h5")
    with pytest.raises(UsageError, match=r"must end in .h5"):
        prepare(training_file, tmp_path / "all.zip")


def test_padding_of_validation_sections_of_several_sizes_is_unknown(tmp_path: Path, training_file: Path) -> None:
    content = json.loads(training_file.read_text())
    content["validation"] = content["sources"][2:3]
    training_file.write_text(json.dumps(content))
    (stack,) = loaded(prepare(training_file, tmp_path / "all.h5"), "validation")
    assert (stack.labels[1][40:] == IGNORE).all()
    assert not (stack.labels[1][:40] == IGNORE).any()
