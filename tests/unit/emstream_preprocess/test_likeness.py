"""Warnings about sections that are unlike the ones of the training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from emstream.models.recipes import Choice, choose
from emstream_preprocess.likeness import CROP, blur_warnings, detail_of, middle_of, pixel_warnings


def tissue(side: int, blur: float) -> NDArray[np.uint8]:
    """Return round spots of all sizes, blurred."""
    noise = np.random.default_rng(1).normal(size=(side, side))
    grey = sum(gaussian_filter(noise, size) * size for size in (1, 3, 9, 27))
    return np.asarray(np.clip(128 + 40 * gaussian_filter(grey, blur) / np.std(grey), 0, 255), dtype=np.uint8)


@pytest.fixture
def mitochondria() -> Choice:
    return replace(choose(["mitochondria"], "fast")[0], detail=detail_of(tissue(256, 0.5)) or 0)


def test_detail_is_that_of_noise_of_a_ramp_and_of_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    assert detail_of(noise) == pytest.approx(0.94, abs=0.01)
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    assert detail_of(ramp) == pytest.approx(0, abs=1e-6)
    assert detail_of(np.full((9, 9), 7, np.uint8)) is None
    assert detail_of(noise[:2]) is None
    assert detail_of(noise[:6, :6], factor=4) is None


def test_blurred_sections_are_reported_and_sharp_ones_are_not(mitochondria: Choice) -> None:
    voxel = (50.0, 5.5, 5.5)
    assert blur_warnings([tissue(256, 0.5)] * 3, voxel, [mitochondria]) == []
    [warning] = blur_warnings([tissue(256, 3)] * 3, voxel, [mitochondria])
    assert "blurred" in warning
    assert "mitochondria" in warning


def test_sections_finer_than_the_network_sees_are_judged_at_its_pixels(mitochondria: Choice) -> None:
    enlarged = np.kron(tissue(256, 0.5), np.ones((3, 3), np.uint8))
    assert blur_warnings([gaussian_filter(enlarged, 1)], (50.0, 1.8, 1.8), [mitochondria]) == []


def test_blank_crops_and_unknown_detail_say_nothing(mitochondria: Choice) -> None:
    blank = np.zeros((64, 64), np.uint8)
    assert blur_warnings([blank], None, [mitochondria]) == []
    assert blur_warnings([tissue(64, 9)], None, [replace(mitochondria, detail=0.0)]) == []


@pytest.mark.parametrize(
    ("pixel", "is_reported"), [(2.0, False), (5.5, False), (10.9, False), (11.0, True), (40.0, True)]
)
def test_pixels_much_coarser_than_the_training_are_reported(
    mitochondria: Choice, pixel: float, is_reported: bool
) -> None:
    found = pixel_warnings((50.0, 5.0, pixel), [mitochondria])
    assert [warning.startswith(f"pixels are {pixel:g} nm") for warning in found] == [True] * is_reported
    assert pixel_warnings(None, [mitochondria]) == []


def test_the_middle_of_a_section_is_cut_out() -> None:
    section = np.zeros((CROP + 20, 10), np.uint8)
    section[10:-10] = 1
    assert middle_of(section).shape == (CROP, 10)
    assert middle_of(section).all()
