"""PNG exports: a picture per section."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emstream.errors import JobFailed
from emstream_postprocess.exports.png_file import write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import (
    PROVENANCE,
    UNKNOWN_SIZE,
    Counter,
    exported,
    some_colours,
    some_labels,
    some_mask,
)


def opened(path: Path, name: str) -> Image.Image:
    with zipfile.ZipFile(path) as file:
        return Image.open(io.BytesIO(file.read(name)))


def test_masks_come_back_by_section_with_the_pixels_size(tmp_path: Path) -> None:
    mask, count = some_mask(), Counter()
    write(tmp_path / "a.zip", [exported(mask, first=3)], PROVENANCE, count)
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert file.namelist() == ["emstream.json", "cells_mask/cells_mask_0003.png", "cells_mask/cells_mask_0004.png"]
    picture = opened(tmp_path / "a.zip", "cells_mask/cells_mask_0004.png")
    assert (np.asarray(picture) == mask[1]).all()
    assert picture.info["dpi"] == pytest.approx((1e9 / 8 * 0.0254, 1e9 / 4 * 0.0254))
    assert count.strips == 4


def test_labels_have_16_bits_and_colours_three_channels(tmp_path: Path) -> None:
    labels, colours = some_labels(most=65_536), some_colours()
    write(tmp_path / "a.zip", [exported(labels, "labels"), exported(colours, "overlay")], UNKNOWN_SIZE, Counter())
    assert (np.asarray(opened(tmp_path / "a.zip", "labels/labels_0001.png")) == labels[1]).all()
    assert (np.asarray(opened(tmp_path / "a.zip", "overlay/overlay_0000.png")) == colours[0]).all()


def test_a_number_beyond_16_bits_is_refused_with_it(tmp_path: Path) -> None:
    labels = np.full((1, 2, 2), 65_536, np.uint32)
    with pytest.raises(JobFailed, match="there is an object 65536"):
        write(tmp_path / "a.zip", [exported(labels)], UNKNOWN_SIZE, Counter())
