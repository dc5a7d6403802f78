"""Labelled stacks from files: every format gives the same arrays, and what does not fit is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from emstream.errors import InputUnreadable, TrainingDataUnusable
from emstream_training.data.labelled_files import LabelledStack, load_stack, neighbours
from emstream_training.data.layers import IGNORE
from emstream_training.data.sources import Source
from tests.unit.emstream_training.stacks import UINT8, grey_stack, labelled, truth_of, write_sections

SHAPE = (4, 70, 80)
IMAGES = grey_stack(SHAPE)
TRUTH = truth_of(IMAGES)


def load(images: Path, labels: Path, **source: object) -> LabelledStack:
    return load_stack(Source.model_validate({"images": images, "labels": labels, **source}))


def write_tiff(path: Path, stack: np.ndarray) -> Path:
    tifffile.imwrite(path, stack, photometric="minisblack")
    return path


def write_hdf5(path: Path, **stacks: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, stack in stacks.items():
            file.create_dataset(name, data=stack, chunks=(2, 32, 32), compression="gzip")
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_sections(tmp_path / "images", IMAGES)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_sections(tmp_path / "labels", TRUTH * 255)


def check(found: LabelledStack, first: int = 0, last: int = SHAPE[0] - 1) -> None:
    assert np.array_equal(np.stack(found.images), IMAGES[first : last + 1])
    assert np.array_equal(np.stack(found.labels), TRUTH[first : last + 1])


def test_every_format_gives_the_same_sections_and_labels(tmp_path: Path, images: Path, labels: Path) -> None:
    both = write_hdf5(tmp_path / "both.h5", data=IMAGES, label=TRUTH)
    check(load(images, labels))
    check(load(write_tiff(tmp_path / "i.tif", IMAGES), write_tiff(tmp_path / "l.tif", TRUTH * 7)))
    check(load(both, both, images_dataset="data", labels_dataset="/label"))
    check(load(both, labels, images_dataset="data", first=1, last=2), 1, 2)
    one_bit = tmp_path / "one-bit"
    one_bit.mkdir()
    for z, section in enumerate(TRUTH):
        Image.fromarray(section > 0).save(one_bit / f"{z}.png")
    check(load(images, one_bit, is_stack=False))


def test_wide_sections_come_to_bytes_by_one_range_for_the_whole_stack(tmp_path: Path, labels: Path) -> None:
    wide = IMAGES.astype(np.uint16) * 90 + 20_000
    wide[0] //= 8
    found = load(write_tiff(tmp_path / "wide.tif", wide), labels, first=1)
    brightest, darkest = max(p.max() for p in found.images), min(p.min() for p in found.images)
    assert brightest == 255
    assert darkest > 100  # the dark first section counts for the range, though it is not used


def test_numbered_objects_are_one_object_when_asked_for(tmp_path: Path, images: Path) -> None:
    numbered = write_tiff(tmp_path / "l.tif", (TRUTH * np.arange(1, 5)[:, None, None] * 300).astype(np.uint16))
    check(load(images, numbered, instances=True))
    with pytest.raises(TrainingDataUnusable, match=r"the values 300, 600 in addition to 0; .*'instances' to true"):
        load(images, numbered)


def test_what_is_unknown_is_ignored(tmp_path: Path, images: Path) -> None:
    out = np.zeros(SHAPE, np.uint8)
    out[1, :20] = 1
    by_value = np.where(out > 0, 9, TRUTH).astype(np.uint8)
    expected = np.where(out > 0, IGNORE, TRUTH)
    labels = write_tiff(tmp_path / "l.tif", TRUTH)
    found = load(images, labels, ignore=write_sections(tmp_path / "out", out * 255))
    assert np.array_equal(np.stack(found.labels), expected)
    found = load(images, write_tiff(tmp_path / "v.tif", by_value), ignore_value=9)
    assert np.array_equal(np.stack(found.labels), expected)
    found = load(images, labels, ignore=write_tiff(tmp_path / "o.tif", out), kind="negative")
    assert np.array_equal(np.stack(found.labels), np.where((out == 0) & (TRUTH > 0), 0, IGNORE))


def test_sections_of_different_sizes_need_not_be_a_stack(tmp_path: Path) -> None:
    for z, (height, width) in enumerate([(70, 80), (40, 90)]):
        for name, section in (("images", IMAGES[z]), ("labels", TRUTH[z] * 255)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(section).resize((width, height), Image.Resampling.NEAREST).save(
                tmp_path / name / f"{z + 9}.png"
            )
    found = load(tmp_path / "images", tmp_path / "labels", is_stack=False)
    assert [image.shape for image in found.images] == [label.shape for label in found.labels] == [(70, 80), (40, 90)]
    assert [plane.shape for plane in neighbours(found, 1, 3)] == [(40, 90)] * 3
    with pytest.raises(TrainingDataUnusable, match="'is_stack' to false"):
        load(tmp_path / "images", tmp_path / "labels")


def test_neighbours_beyond_the_ends_are_repeated() -> None:
    stack = labelled(SHAPE)
    found = neighbours(stack, 0, 5)
    assert [next(z for z in range(4) if plane is stack.images[z]) for plane in found] == [0, 0, 0, 1, 2]


def fewer(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "fewer.tif", TRUTH[:3])}


def smaller(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "smaller.tif", TRUTH[:, :60])}


def exchanged(folder: Path) -> dict[str, object]:
    return {"images": folder / "labels", "labels": folder / "images"}


def blurred(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "grey.tif", IMAGES)}


def two_datasets(folder: Path) -> dict[str, object]:
    return {"images": write_hdf5(folder / "two.h5", one=IMAGES, other=IMAGES)}


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (fewer, r"images has 4 sections and .*fewer.tif has 3: give one for each"),
        (smaller, r"section 1 has 80 x 70 pixels in .*images and 80 x 60 in .*smaller.tif: sizes must match"),
        (exchanged, "has exactly two grey values"),
        (blurred, "and more in addition to 0; labels are 0 and one other value"),
        (two_datasets, "one .*other.*'images_dataset' names it"),
        (lambda folder: {"images": folder / "nowhere"}, r"there is no .*nowhere \('images'\)"),
        (lambda folder: {"ignore": folder / "nowhere"}, r"there is no .*nowhere \('ignore'\)"),
        (lambda folder: {"first": 4}, "has 4 sections, counted from 0, and 'first' is 4"),
        (lambda folder: {"ignore": folder / "images"}, "labels nothing, every pixel used is unknown"),
    ],
)
def test_what_does_not_fit_is_reported(
    tmp_path: Path, images: Path, labels: Path, change: Callable[[Path], dict[str, object]], phrase: str
) -> None:
    fields = {"images": images, "labels": labels} | change(tmp_path)
    with pytest.raises(TrainingDataUnusable, match=phrase) as raised:
        load_stack(Source.model_validate(fields))
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_decoded_keeps_its_own_sentence(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"no TIFF at all")
    with pytest.raises(InputUnreadable, match=r"bad.tif"):
        load(tmp_path / "bad.tif", labels)


def as_array(planes: tuple[UINT8, ...]) -> UINT8:
    return np.stack(planes)


@pytest.mark.real
def test_the_real_sections_are_read(real_mitochondria: Path) -> None:
    found = load(real_mitochondria / "val" / "images", real_mitochondria / "val" / "labels")
    assert as_array(found.images).shape == as_array(found.labels).shape == (5, 1024, 1024)
    assert 0.03 < as_array(found.labels).mean() < 0.2
