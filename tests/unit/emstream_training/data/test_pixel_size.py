"""Sources of other pixel sizes are brought to the one that is trained at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import TrainingDataUnusable
from emstream_training.data.labelled_files import load_stack
from emstream_training.data.layers import IGNORE
from emstream_training.data.pixel_size import rescaled_label, scale_of
from emstream_training.data.sources import Source
from tests.unit.emstream_training.stacks import grey_stack, truth_of, write_sections


def source(pixel_size_nm: float | None, folder: Path = Path()) -> Source:
    return Source(images=folder / "images", labels=folder / "labels", pixel_size_nm=pixel_size_nm)


@pytest.mark.parametrize(
    ("own", "wanted", "scale"),
    [
        (5.5, 5.5, None),
        (6.6, 5.5, None),
        (4.4, 5.5, None),
        (None, 5.5, None),
        (9, None, None),
        (11, 5.5, 2),
        (4, 8, 0.5),
    ],
)
def test_sizes_within_a_fifth_are_used_as_they_are(
    own: float | None, wanted: float | None, scale: float | None
) -> None:
    assert scale_of(source(own), wanted) == scale


def test_a_size_far_off_is_taken_for_a_mistake() -> None:
    with pytest.raises(TrainingDataUnusable, match="100 nm, more than 8 times larger or smaller than the 5 nm"):
        scale_of(source(100), 5)


def test_a_source_of_half_the_pixel_size_is_halved(tmp_path: Path) -> None:
    images = grey_stack((2, 60, 80))
    labels = truth_of(images)
    write_sections(tmp_path / "images", images)
    write_sections(tmp_path / "labels", labels)
    found = load_stack(source(5, tmp_path), 10)
    assert [plane.shape for plane in (*found.images, *found.labels)] == [(30, 40)] * 4
    means = images.reshape(2, 30, 2, 40, 2).mean((2, 4))
    assert np.abs(np.stack(found.images)[:, 2:-2, 2:-2] - means[:, 2:-2, 2:-2]).mean() < 3
    agreement = np.stack(found.labels) == (labels.reshape(2, 30, 2, 40, 2).mean((2, 4)) > 0.5)
    assert agreement.mean() > 0.97


@given(st.floats(0.13, 7.9), st.sampled_from([0, 1, IGNORE]))
def test_labels_stay_labels(scale: float, value: int) -> None:
    label = np.full((13, 17), value, np.uint8)
    assert set(np.unique(rescaled_label(label, scale))) == {value}
    label[4:9, 4:9] = 1
    assert set(np.unique(rescaled_label(label, scale))) <= {0, 1, value}


def test_an_enlarged_label_keeps_its_pixels() -> None:
    label = np.array([[0, 1], [IGNORE, 1]], np.uint8)
    assert np.array_equal(rescaled_label(label, 3), label.repeat(3, 0).repeat(3, 1))
