"""What is scored: masks and probabilities as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from emstream.errors import DamagedFile, EmstreamError, UnknownObject
from emstream_standalone.evaluate import MaskSource, compare, from_masks

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


def test_masks_that_are_the_labels_score_one(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(tiff(tmp_path / "m.tif", MASK)), files)
    scores = compare(found, tiff(tmp_path / "labels.tif", MASK), None, False, files)
    assert scores["total"]["f1"] == 1
    assert len(scores["sections"]) == 2


def test_voxels_to_ignore_do_not_count(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(tiff(tmp_path / "m.tif", MASK)), files)
    truth, ignored = MASK.copy(), np.zeros_like(MASK)
    truth[:, 2:5, 4], ignored[:, 2:5, 4] = 0, 1
    scores = compare(found, tiff(tmp_path / "l.tif", truth), tiff(tmp_path / "i.tif", ignored), False, files)
    assert (scores["total"]["f1"], scores["total"]["true_positives"]) == (1, 12)


def test_shapes_that_differ_are_refused(tmp_path: Path, files: ExitStack) -> None:
    found = from_masks(MaskSource(tiff(tmp_path / "m.tif", MASK)), files)
    with pytest.raises(EmstreamError, match="give the labels of these sections"):
        compare(found, tiff(tmp_path / "l.tif", MASK[:1]), None, False, files)
