"""JPEG exports: pictures for looking at, masks exact."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from emstream_postprocess.exports.jpeg_file import write
from tests.unit.emstream_postprocess.exports.volumes_at_hand import PROVENANCE, Counter, exported, some_mask


def picture(path: Path, name: str) -> Image.Image:
    with zipfile.ZipFile(path) as file:
        return Image.open(io.BytesIO(file.read(name)))


def test_a_mask_is_exact_above_127(tmp_path: Path) -> None:
    mask, count = some_mask(), Counter()
    write(tmp_path / "a.zip", [exported(mask)], PROVENANCE, count)
    found = np.asarray(picture(tmp_path / "a.zip", "cells_mask/cells_mask_0001.jpg"))
    assert ((found > 127) == (mask[1] > 0)).all()
    assert count.strips == 4


def test_colours_are_near(tmp_path: Path) -> None:
    smooth = np.zeros((1, 32, 48, 3), np.uint8)
    smooth[..., 0] = np.arange(48) * 5
    write(tmp_path / "a.zip", [exported(smooth, "overlay")], PROVENANCE, Counter())
    found = np.asarray(picture(tmp_path / "a.zip", "overlay/overlay_0000.jpg")).astype(int)
    assert found.shape == (32, 48, 3)
    assert np.abs(found - smooth[0]).max() < 20
