"""Flat cells: where the network is spared."""

from __future__ import annotations

import numpy as np

from emstream_inference.packages import flat_core


def test_a_cell_is_flat_if_all_within_the_halo_has_one_value() -> None:
    window = np.full((3, 256, 256), 7, np.uint8)
    window[1, 100, 100] = 8
    flat = flat_core(window, halo=64, cell=32)
    assert flat.shape == (8, 8)
    assert not flat[1:6, 1:6].any()
    assert flat[0].all()
    assert flat[6:].all()
    assert flat[:, 0].all()
    assert flat[:, 6:].all()


def test_sections_of_different_values_are_not_flat() -> None:
    window = np.zeros((3, 64, 64), np.uint8)
    window[2] = 1
    assert not flat_core(window, halo=32, cell=32).any()


def test_neighbouring_flat_regions_of_different_values_are_not_flat_at_their_border() -> None:
    window = np.zeros((1, 64, 256), np.uint8)
    window[:, :, 128:] = 9
    assert flat_core(window, halo=32, cell=32)[0].tolist() == [True, True, True, False, False, True, True, True]


def test_a_section_that_ends_within_a_cell_is_judged_by_its_own_pixels() -> None:
    assert flat_core(np.full((3, 10, 40), 5, np.uint8), halo=64, cell=32).tolist() == [[True, True]]
