"""Corruptions do what their names say, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from emstream_training.report import corruptions
from emstream_training.report.corruptions import CORRUPTIONS, MISSING, blur, contrast, missing_z, salt_and_pepper

GREY = np.full((300, 401), 100, np.uint8)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.10])
def test_salt_and_pepper_changes_its_share_half_to_black_half_to_white(share: float) -> None:
    noisy = salt_and_pepper(GREY, share, (1, 2))
    assert set(np.unique(noisy)) == ({0, 100, 255} if share else {100})
    for value in (0, 255):
        assert np.mean(noisy == value) == pytest.approx(share / 2, abs=0.003)


def test_salt_and_pepper_is_drawn_by_its_seed_and_not_by_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = salt_and_pepper(GREY, 0.1, (1, 2))
    monkeypatch.setattr(corruptions, "STRIP_VOXELS", 1000)
    assert np.array_equal(salt_and_pepper(GREY, 0.1, (1, 2)), noisy)
    assert not np.array_equal(salt_and_pepper(GREY, 0.1, (1, 3)), noisy)
    assert (GREY == 100).all()


@pytest.mark.parametrize("sigma", [1, 2])
def test_blur_is_a_gaussian(sigma: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corruptions, "STRIP_VOXELS", 1000)
    section = np.random.default_rng(0).integers(0, 256, (60, 83), dtype=np.uint8)
    wanted = gaussian_filter(section.astype(float), sigma, mode="nearest")
    assert np.abs(blur(section, sigma) - wanted).max() <= 0.51


def test_contrast_turns_around_mid_grey_and_clips() -> None:
    ramp = np.array([[0, 28, 128, 228, 255]], np.uint8)
    assert contrast(ramp, 1.4).tolist() == [[0, 0, 128, 255, 255]]
    assert contrast(ramp, 0.6).tolist() == [[51, 68, 128, 188, 204]]


def test_only_the_middle_section_goes_missing() -> None:
    assert [bool(MISSING.apply(GREY, z, 5).any()) for z in range(5)] == [True, True, False, True, True]
    assert missing_z(1) == 0


def test_every_corruption_gives_sections_that_can_be_written() -> None:
    assert len({c.key for c in CORRUPTIONS}) == len(CORRUPTIONS) == 7
    for corruption in CORRUPTIONS:
        spoiled = corruption.apply(GREY, 1, 3)
        assert (spoiled.shape, str(spoiled.dtype)) == (GREY.shape, "uint8")
        assert spoiled.flags.c_contiguous
