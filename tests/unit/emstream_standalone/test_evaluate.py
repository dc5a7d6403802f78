"""Scores of an evaluation: masks and probabilities as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import DamagedFile, DatasetNotFound, EmstreamError, TrainingDataUnusable, UnknownObject
from emstream.readers.stack import Grey
from emstream_standalone.evaluate import LabelSource, MaskSource, compare, from_masks, open_truth
from emstream_training.metrics.evaluate import Evaluation

UINT8 = NDArray[np.uint8]

MASK = np.zeros((2, 8, 8), np.uint8)
MASK[:, 2:5, 2:5] = 255
PROBABILITY = np.zeros((2, 8, 8), np.uint8)
PROBABILITY[:, 2:5, 2:5] = np.arange(100, 250, 50, dtype=np.uint8)  # 100, 150, 200 along x


@pytest.fixture
def files() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def tiff(path: Path, stack: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Path:
    tifffile.imwrite(path, stack, photometric="minisblack")
    return path


def mask_file(path: Path, *names: str) -> Path:
    with h5py.File(path, "w") as file:
        for name in names:
            file[f"{name}/mask"] = MASK
            file[f"{name}/probability"] = PROBABILITY
        file["notes"] = h5py.SoftLink("/elsewhere")
    return path


def test_a_stack_of_two_values_is_masks(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(tiff(tmp_path / "m.tif", MASK)), files)
    assert (found.what, found.object, found.shape_zyx, found.note) == ("the masks", "", (2, 8, 8), "")
    sections = list(found.sections)
    assert all((section.mask == (MASK[0] > 0)).all() and section.probability is None for section in sections)


def test_a_stack_of_many_values_is_probabilities_and_that_is_said(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(tiff(tmp_path / "p.tif", PROBABILITY), "nuclei"), files)
    assert (found.what, found.object) == ("the probabilities", "nuclei")
    assert found.note == "p.tif has more than two values: read as probabilities; voxels of at least 0.5 count"
    assert [int(section.mask.sum()) for section in found.sections] == [6, 6]


def test_a_threshold_decides_what_of_probabilities_counts(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(tiff(tmp_path / "p.tif", PROBABILITY), threshold=0.75), files)
    assert "at least 0.75" in found.note
    assert [int(section.mask.sum()) for section in found.sections] == [3, 3]


def test_the_only_structure_of_a_mask_file_needs_no_name(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(mask_file(tmp_path / "mask.h5", "spots")), files)
    assert (found.what, found.object) == ("the masks", "spots")
    section = next(found.sections)
    assert section.probability is not None
    assert (section.probability == PROBABILITY[0]).all()


def test_one_of_several_structures_is_named(tmp_path: Path, files: ExitStack) -> None:
    path = mask_file(tmp_path / "mask.h5", "dots", "spots")
    assert from_masks(MaskSource(path, "spots"), files).object == "spots"
    with pytest.raises(UnknownObject, match=r"mask\.h5 holds masks of dots, spots: name one of them with --object"):
        from_masks(MaskSource(path), files)
    with pytest.raises(UnknownObject, match="there is no 'cats'"):
        from_masks(MaskSource(path, "cats"), files)


def test_a_data_set_is_read_as_it_is(tmp_path: Path, files: ExitStack) -> None:
    path = mask_file(tmp_path / "mask.h5", "dots", "spots")
    assert from_masks(MaskSource(path, dataset="dots/probability"), files).what == "the probabilities"


def test_a_damaged_file_is_named(tmp_path: Path, files: ExitStack) -> None:
    whole = mask_file(tmp_path / "whole.h5", "spots").read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedFile, match=r"half\.h5 cannot be read"):
        from_masks(MaskSource(tmp_path / "half.h5"), files)


def scored(masks: Path, labels: Path, files: ExitStack, **source: Any) -> tuple[Evaluation, tuple[str, ...], str]:
    """Return the evaluation, the notes on the labels, and the note on their place."""
    found = from_masks(MaskSource(masks, instances=source.get("instances", False)), files)
    truth = open_truth(found.named, found.shape_zyx, LabelSource(labels, **source), files)
    evaluation, note = compare(found, truth, False)
    return evaluation, truth.notes, note


def test_masks_that_are_the_labels_score_one(tmp_path: Path, files: ExitStack) -> None:
    evaluation, notes, note = scored(tiff(tmp_path / "m.tif", MASK), tiff(tmp_path / "labels.tif", MASK), files)
    assert evaluation["total"]["f1"] == 1
    assert len(evaluation["sections"]) == 2
    assert notes == ("the masks with the labels: 2 sections, paired by place",)
    assert note == ""


def test_voxels_to_ignore_do_not_count(tmp_path: Path, files: ExitStack) -> None:
    truth, ignored = MASK.copy(), np.zeros_like(MASK)
    truth[:, 2:5, 4], ignored[:, 2:5, 4] = 0, 1
    out = tiff(tmp_path / "i.tif", ignored)
    evaluation, notes, _ = scored(tiff(tmp_path / "m.tif", MASK), tiff(tmp_path / "l.tif", truth), files, ignore=out)
    assert (evaluation["total"]["f1"], evaluation["total"]["true_positives"]) == (1, 12)
    assert notes[1:] == (
        "the labels with the pixels to ignore: 2 sections, paired by place",
        "5% of the pixels are ignored",
    )


def test_shapes_that_differ_are_refused(tmp_path: Path, files: ExitStack) -> None:
    with pytest.raises(EmstreamError, match="give the labels of these sections"):
        scored(tiff(tmp_path / "m.tif", MASK), tiff(tmp_path / "l.tif", MASK[:1]), files)


DEEP = np.zeros((5, 72, 96), np.uint8)
for _z in range(len(DEEP)):
    DEEP[_z, 10 : 30 + 4 * _z, 5 + 9 * _z : 35 + 9 * _z] = 255


def pngs(folder: Path, stack: UINT8, form: str = "m{:03d}.png", first: int = 0) -> Path:
    folder.mkdir()
    for z, section in enumerate(stack):
        Image.fromarray(section).save(folder / form.format(z + first), compress_level=1)
    return folder


def test_sections_are_paired_by_number(tmp_path: Path, files: ExitStack) -> None:
    labels = pngs(tmp_path / "labels", DEEP, "lab{}.png", 7)
    _, notes, _ = scored(pngs(tmp_path / "masks", DEEP, first=7), labels, files)
    assert notes == ("the masks with the labels: 5 sections, 007..011, paired by number",)


def test_shifted_numbers_are_reported_by_name_and_by_what_is_in_them(tmp_path: Path, files: ExitStack) -> None:
    masks, labels = pngs(tmp_path / "masks", DEEP[:4]), pngs(tmp_path / "labels", DEEP[1:], first=1)
    _, notes, note = scored(masks, labels, files)
    assert (
        "the masks are numbered 000 to 003 and the labels 001 to 004: paired by place, 000 belongs to 001" in notes[1]
    )
    assert note.startswith("the labels agree far better with what is scored if they are moved by one section towards")


def test_contradicting_numbers_and_missing_sections_are_refused(tmp_path: Path, files: ExitStack) -> None:
    masks = pngs(tmp_path / "masks", DEEP, first=10)
    with pytest.raises(TrainingDataUnusable, match=r"010 belongs to 012. Give only sections that both have .3 numbers"):
        scored(masks, pngs(tmp_path / "other", DEEP, first=12), files)
    fewer = pngs(tmp_path / "fewer", DEEP, first=10)
    (fewer / "m012.png").unlink()
    with pytest.raises(TrainingDataUnusable, match=r"the labels \(4, 72, 96\) \(the labels lack 12\)"):
        scored(masks, fewer, files)
    ignored = pngs(tmp_path / "ignored", DEEP, first=31)
    with pytest.raises(TrainingDataUnusable, match="the labels are numbered 010 to 014 and the pixels to ignore 031"):
        scored(masks, masks, files, ignore=ignored)


@pytest.mark.parametrize("kind", ["inverting LUT", "palette", "red", "uint64", "float", "1 bit", "raw in the file"])
def test_labels_of_any_kind_score_one(tmp_path: Path, files: ExitStack, kind: str) -> None:
    assert scored(pngs(tmp_path / "masks", DEEP), labels_of(kind, tmp_path), files)[0]["total"]["f1"] == 1


def labels_of(kind: str, folder: Path) -> Path:
    path, is_marked = folder / "labels.tif", DEEP > 0
    match kind:
        case "inverting LUT":
            description = "ImageJ=1.53c\nimages=5\nslices=5\n"
            tifffile.imwrite(path, DEEP, photometric="miniswhite", metadata=None, description=description)
        case "palette":
            colours = np.random.default_rng(0).integers(1, 2**16, (3, 256), np.uint16)
            tifffile.imwrite(path, is_marked.astype(np.uint8), photometric="palette", colormap=colours, metadata=None)
        case "red":
            tifffile.imwrite(path, DEEP[..., None] * np.array([1, 0, 0], np.uint8), photometric="rgb")
        case "float" | "1 bit":
            tifffile.imwrite(path, is_marked.astype(np.float32 if kind == "float" else bool), photometric="minisblack")
        case _:
            path = folder / "labels.h5"
            with h5py.File(path, "w") as file:
                file["volumes/labels/mito"] = is_marked.astype(np.uint64) * np.uint64(5)
                if kind == "raw in the file":
                    file["volumes/raw"] = DEEP // 2 + 40
    return path


NUMBERED = np.where(DEEP > 0, np.arange(1, 6, dtype=np.uint8)[:, None, None] * 40, 0).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, DEEP.shape, np.uint8)
JPEG = np.clip(DEEP.astype(int) + np.random.default_rng(1).integers(-9, 9, DEEP.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("labels", "source", "phrase"),
    [
        (DEEP * 0, {}, "the labels mark nothing: .* name them with --labels-dataset"),
        (DEEP * 0 + 1, {}, "the labels mark every pixel that counts: no value is 0"),
        (NUMBERED, {}, "the values 40 and 80 in addition to 0 .section 2.*For numbered objects add --instances"),
        (JPEG, {}, "save masks with grey edges .JPEG, smoothed. as `mask > 127`"),
        (NOISE, {"instances": True}, "the labels do not number objects"),
        (-(DEEP > 0).astype(np.int32), {"instances": True}, "the labels have the value -1, but objects are numbered"),
        (np.where(DEEP > 0, np.nan, 0).astype(np.float32), {}, "the labels, section 1: .* NaN"),
    ],
)
def test_labels_that_are_none_are_refused(
    tmp_path: Path, files: ExitStack, labels: Grey, source: dict[str, bool], phrase: str
) -> None:
    masks = pngs(tmp_path / "masks", NUMBERED if source else DEEP)
    tifffile.imwrite(tmp_path / "l.tif", labels, photometric="minisblack")
    with pytest.raises(EmstreamError, match=phrase):
        scored(masks, tmp_path / "l.tif", files, **source)


def test_labels_of_which_nothing_counts_are_refused(tmp_path: Path, files: ExitStack) -> None:
    masks = pngs(tmp_path / "masks", DEEP)
    with pytest.raises(TrainingDataUnusable, match="every pixel is ignored"):
        scored(masks, masks, files, ignore=tiff(tmp_path / "all.tif", DEEP * 0 + 1))
    with pytest.raises(TrainingDataUnusable, match="the labels mark nothing: they are 0 wherever pixels count"):
        scored(masks, masks, files, ignore=masks)


def test_numbers_of_objects_are_no_probabilities(tmp_path: Path, files: ExitStack) -> None:
    masks, labels = pngs(tmp_path / "masks", NUMBERED), pngs(tmp_path / "labels", DEEP)
    with pytest.raises(
        TrainingDataUnusable, match=r"6 values from 0 to 200, like numbers of objects .* add --instances"
    ):
        scored(masks, labels, files)
    assert scored(masks, labels, files, instances=True)[0]["total"]["f1"] == 1
    many = np.where(DEEP > 0, 30 + 2 * (np.arange(DEEP.size).reshape(DEEP.shape) // 96 % 96), 0).astype(np.uint8)
    with pytest.raises(TrainingDataUnusable, match="like numbers of objects"):
        scored(tiff(tmp_path / "many.tif", many), labels, files)
    with pytest.raises(TrainingDataUnusable, match="like numbers of objects"):
        scored(tiff(tmp_path / "small.tif", many // 9), labels, files)
    assert from_masks(MaskSource(tiff(tmp_path / "p.tif", NOISE)), files).what == "the probabilities"
    assert from_masks(MaskSource(tmp_path / "small.tif", threshold=0.1), files).what == "the probabilities"


def test_a_data_set_of_masks_is_named_with_its_own_option(tmp_path: Path, files: ExitStack) -> None:
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["one"] = file["other"] = DEEP
        file["third"] = DEEP
    with pytest.raises(DatasetNotFound, match="Choose one with --dataset"):
        from_masks(MaskSource(tmp_path / "two.h5"), files)
    masks = pngs(tmp_path / "masks", DEEP)
    with pytest.raises(DatasetNotFound, match="Choose one with --labels-dataset"):
        scored(masks, tmp_path / "two.h5", files)
    with pytest.raises(DatasetNotFound, match="Choose one with --ignore-dataset"):
        scored(masks, masks, files, ignore=tmp_path / "two.h5")
    assert scored(masks, tmp_path / "two.h5", files, dataset="third")[0]["total"]["f1"] == 1


def test_the_data_set_that_is_taken_for_labels_is_said(tmp_path: Path, files: ExitStack) -> None:
    _, notes, _ = scored(pngs(tmp_path / "masks", DEEP), labels_of("raw in the file", tmp_path), files)
    assert notes[1] == "the labels are the data set volumes/labels/mito of labels.h5"


def test_blank_labels_between_labelled_ones_are_noted(tmp_path: Path, files: ExitStack) -> None:
    some = DEEP.copy()
    some[[1, 3]] = 0
    _, notes, _ = scored(pngs(tmp_path / "masks", DEEP), pngs(tmp_path / "labels", some), files)
    assert notes[1].startswith("the labels mark nothing in 2 of 5 sections (2, 4), which count as background")


def test_labels_of_most_pixels_are_noted_and_seen_to_be_inverted(tmp_path: Path, files: ExitStack) -> None:
    evaluation, notes, note = scored(pngs(tmp_path / "masks", DEEP), pngs(tmp_path / "labels", 255 - DEEP), files)
    assert evaluation["total"]["f1"] == 0
    assert "% of the pixels: if 0 is the structure there, invert them" in notes[1]
    assert note.startswith("the labels agree far better with what is scored if they are inverted (agreement 1.00")
