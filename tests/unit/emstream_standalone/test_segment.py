"""Inputs from a notebook, accepted and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emstream.errors import InputUnreadable, UsageError
from emstream_standalone.segment import ALLOWED, Segmentation, _array_named, checked_array, checked_voxel_size, segment


@pytest.mark.parametrize("kind", ALLOWED)
def test_grey_values_of_these_types_are_allowed(kind: str) -> None:
    assert checked_array(np.zeros((2, 3, 4), kind)).shape == (2, 3, 4)


def test_one_section_is_a_stack_of_one() -> None:
    assert checked_array(np.zeros((3, 4), np.uint8)).shape == (1, 3, 4)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        ([[1]], "takes a numpy array"),
        (np.zeros(3, np.uint8), "at least one voxel"),
        (np.zeros((1, 0, 3), np.uint8), "at least one voxel"),
        (np.zeros((1, 2, 3), np.bool_), "got bool: convert it with astype"),
    ],
)
def test_other_arrays_are_refused(array: object, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        checked_array(array)


def test_voxel_sizes_are_three_lengths_in_nanometres() -> None:
    assert checked_voxel_size(None) is None
    assert checked_voxel_size([50, 5.5, 5.5]) == (50.0, 5.5, 5.5)
    for wrong in ((5, 5), (5, 5, 0), (5, 5, float("inf")), (5, 5, 1e6), "5,5,5"):
        with pytest.raises(UsageError, match="three positive lengths"):
            checked_voxel_size(wrong)  # type: ignore[arg-type]  # that is the point


def test_a_quality_that_does_not_exist_is_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="fast, balanced, accurate, got 'best'"):
        segment(np.zeros((2, 8, 8), np.uint8), quality="best")  # type: ignore[arg-type]  # that is the point


def test_errors_speak_of_the_array_and_not_of_its_file(tmp_path: Path) -> None:
    source = tmp_path / "array.h5"
    with pytest.raises(InputUnreadable, match=r"^the array is empty$"), _array_named(source):
        raise InputUnreadable(f"{source} is empty")


def test_a_segmentation_shows_itself() -> None:
    mask = np.zeros((1, 2, 2), np.bool_)
    mask[0, 0, 0] = True
    found = Segmentation({"spots": mask}, {}, {}, None, {"warnings": ["it is pale"]}, b"\x89PNG")
    html = found._repr_html_()
    assert "spots: 25.00 % of the voxels" in html
    assert "note: it is pale" in html
    assert found._repr_png_() == b"\x89PNG"
    assert "PNG" not in repr(found)
