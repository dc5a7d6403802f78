"""Single black and white pixels go, whatever else is black or white stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from emstream.volume.intensity import BAND, FAR, LEAST_NEIGHBOURS, MOST_ALIKE, without_impulses
from emstream_training.report.corruptions import salt_and_pepper

UINT8 = NDArray[np.uint8]


def tissue(shape: tuple[int, int], seed: int = 0) -> UINT8:
    """Smooth grey values with noise, none of them black or white."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.normal(0, 1, shape), 4) * 400 + 128
    return np.asarray((smooth + random.normal(0, 6, shape)).clip(1, 254), np.uint8)


def one_by_one(section: UINT8) -> UINT8:
    """The same in plain words."""
    cleaned, padded = section.copy(), np.pad(section, 1, mode="reflect")
    for y, x in np.argwhere((section == 0) | (section == 255)):
        value = int(section[y, x])
        around = np.delete(padded[y : y + 3, x : x + 3].ravel().astype(int), 4)
        known = sorted(v for v in around if 0 < v < 255)
        if len(known) < LEAST_NEIGHBOURS or (around == value).sum() > MOST_ALIKE:
            continue
        if min(abs(v - value) for v in known) > FAR:
            cleaned[y, x] = known[(len(known) - 1) // 2]
    return cleaned


def test_a_section_without_extremes_is_returned_as_it_is() -> None:
    section = tissue((90, 80))
    assert without_impulses(section) is section


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (60, 70), (BAND, 40), (2 * BAND + 3, 40)])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
def test_each_pixel_follows_the_rule(shape: tuple[int, int], share: float) -> None:
    section = salt_and_pepper(tissue(shape), share, (1,))
    before = section.copy()
    assert np.array_equal(without_impulses(section), one_by_one(section))
    assert np.array_equal(section, before)


def test_noise_of_ten_percent_is_nearly_gone() -> None:
    section = tissue((400, 500))
    noisy = salt_and_pepper(section, 0.1, (1,))
    errors = [(np.abs(image.astype(int) - section) > 40).mean() for image in (noisy, without_impulses(noisy))]
    assert errors[0] > 0.09
    assert errors[1] < 0.01


def test_what_is_black_or_white_in_tissue_stays() -> None:
    """Saturated bodies, edges of the picture, and membranes that the microscope blurred."""
    section = np.full((64, 64), 140.0)
    section[10:20, 10:20], section[30:33, 40:43] = -200, 600
    section[:, 50], section[50, :] = -300, -300
    blurred = ndimage.gaussian_filter(section, 0.8).clip(0, 255).astype(np.uint8)
    assert ((blurred == 0) | (blurred == 255)).sum() > 100
    assert without_impulses(blurred) is blurred


def test_a_window_sees_what_the_section_would_show_it() -> None:
    section = salt_and_pepper(tissue((120, 130)), 0.1, (1,))
    window = without_impulses(section[30:90, 40:100])
    assert np.array_equal(window[1:-1, 1:-1], without_impulses(section)[31:89, 41:99])
