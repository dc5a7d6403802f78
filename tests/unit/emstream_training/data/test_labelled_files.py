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


def renamed(folder: Path, form: str, first: int) -> Path:
    for z in reversed(range(SHAPE[0])):
        (folder / f"s{z}.png").rename(folder / form.format(z + first))
    return folder


def test_notes_say_what_was_paired(tmp_path: Path, images: Path, labels: Path) -> None:
    assert load(images, labels).notes == ("images with labels labels: 4 sections, 0..3, paired by number",)
    stack = write_tiff(tmp_path / "l.tif", TRUTH)
    assert load(images, stack).notes == ("images with labels l.tif: 4 sections, paired by place",)
    found = load(images, labels, ignore=write_sections(tmp_path / "out", TRUTH * 0))
    assert found.notes[1] == "images with ignored pixels out: 4 sections, 0..3, paired by number"


@pytest.mark.parametrize("is_stack", [True, False])
def test_numbers_that_differ_are_reported(images: Path, labels: Path, is_stack: bool) -> None:
    found = load(images, renamed(labels, "label_{:03d}.png", 1), is_stack=is_stack)
    assert found.notes[1].startswith(
        "the images in images are numbered 0 to 3 and the labels in labels 001 to 004: paired by place, 0 belongs to "
    )
    renamed(images, "raw_{:03d}.png", 40)
    for z, number in enumerate((42, 43, 44, 45)):
        (labels / f"label_{z + 1:03d}.png").rename(labels / f"label_{number}.png")
    with pytest.raises(TrainingDataUnusable, match=r"040 belongs to 42. Give only sections that both have \(2 numbers"):
        load(images, labels, is_stack=is_stack)


def test_the_section_that_labels_lack_is_named(images: Path, labels: Path) -> None:
    (labels / "s2.png").unlink()
    with pytest.raises(
        TrainingDataUnusable, match=r"labels has 3: give one for each section .the labels in labels lack 2"
    ):
        load(images, labels)


def test_labels_with_an_inverting_lut_are_not_turned_over(tmp_path: Path, images: Path) -> None:
    description = "ImageJ=1.53c\nimages=4\nslices=4\n"
    mask = np.where(TRUTH > 0, np.uint8(255), np.uint8(0))
    tifffile.imwrite(tmp_path / "l.tif", mask, photometric="miniswhite", metadata=None, description=description)
    check(load(images, tmp_path / "l.tif"))


def test_the_labels_of_a_file_that_holds_raw_data_too_are_found(tmp_path: Path) -> None:
    stacks: dict[str, np.ndarray] = {"volumes/raw": IMAGES, "volumes/labels/mito": TRUTH.astype(np.uint64)}
    both = write_hdf5(tmp_path / "cremi.h5", **stacks)
    check(load(both, both))


def test_labels_of_nothing_and_of_most_pixels_are_reported(tmp_path: Path, images: Path) -> None:
    found = load(images, write_tiff(tmp_path / "none.tif", TRUTH * 0))
    assert found.notes[-1].endswith("none.tif marks no structure in the sections used: all of it is background")
    most = TRUTH * 0 + 1
    most[:, :10] = 0
    assert "marks 86% of the pixels: if 0 is" in load(images, write_tiff(tmp_path / "most.tif", most)).notes[-1]


def test_blank_labels_between_labelled_ones_are_reported(tmp_path: Path, images: Path) -> None:
    some = TRUTH.copy()
    some[1:3] = 0
    found = load(images, write_tiff(tmp_path / "some.tif", some), first=1)
    assert found.notes[-1].startswith("the labels in some.tif mark nothing in 2 of 3 sections (2, 3), which count as")
    out = np.zeros_like(TRUTH)
    out[1:3] = 1
    assert len(load(images, tmp_path / "some.tif", ignore=write_tiff(tmp_path / "o.tif", out)).notes) == 2


def test_files_that_were_skipped_are_reported(images: Path, labels: Path) -> None:
    (labels / "notes.txt").write_text("no section")
    assert load(images, labels).notes[1].startswith("labels: Skipped in labels")


def test_a_value_for_unknown_that_no_number_has_is_reported(tmp_path: Path, images: Path) -> None:
    numbered = write_tiff(tmp_path / "l.tif", TRUTH * np.array([1, 2, 3, 4], np.uint8)[:, None, None])
    found = load(images, numbered, instances=True, ignore_value=9)
    assert found.notes[-1].endswith("l.tif has the 'ignore_value' 9")
    assert "ignore_value" not in "".join(load(images, numbered, instances=True, ignore_value=4).notes)


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


def noise(shape: tuple[int, int, int]) -> UINT8:
    found: UINT8 = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return found


def fewer(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "fewer.tif", TRUTH[:3])}


def smaller(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "smaller.tif", TRUTH[:, :60])}


def exchanged(folder: Path) -> dict[str, object]:
    return {"images": folder / "labels", "labels": folder / "images"}


def blurred(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "grey.tif", IMAGES)}


def all_marked(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "all.tif", TRUTH * 0 + 1)}


def grey_numbers(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "grey.tif", noise(SHAPE)), "instances": True}


def below_nothing(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "below.tif", -TRUTH.astype(np.int32)), "instances": True}


def shares(folder: Path) -> dict[str, object]:
    return {"labels": write_tiff(folder / "shares.tif", TRUTH * np.float32(0.5)), "instances": True}


def two_datasets(folder: Path) -> dict[str, object]:
    return {"images": write_hdf5(folder / "two.h5", one=IMAGES, other=IMAGES)}


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (fewer, r"images has 4 sections and .*fewer.tif has 3: give one for each"),
        (smaller, r"section 1 has 80 x 70 pixels in .*images and 80 x 60 in .*smaller.tif: sizes must match"),
        (exchanged, "has exactly two grey values"),
        (blurred, "and more in addition to 0; labels are 0 and one other value"),
        (all_marked, "all.tif marks every pixel used: no value is 0"),
        (grey_numbers, r"grey.tif do not number objects: only .*% of neighbouring pixels have one value"),
        (below_nothing, "below.tif have the value -1, but objects are numbered from 1"),
        (shares, "shares.tif have the value 0.5, but objects are numbered from 1"),
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
