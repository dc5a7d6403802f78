"""Variants: sixteen, all different, each undone exactly."""

from __future__ import annotations

import numpy as np
import pytest

from emstream_inference.variants import ALL, FOUR, Variant, variants


@pytest.mark.parametrize("variant", ALL)
def test_each_variant_is_undone_exactly(variant: Variant) -> None:
    windows = np.random.default_rng(0).integers(0, 255, (2, 3, 6, 4), dtype=np.uint8)
    middle = variant.apply(windows, np.flip)[:, 1:2]
    assert (variant.undo(middle, np.flip) == windows[:, 1:2]).all()


def test_the_sixteen_are_different() -> None:
    windows = np.arange(48, dtype=np.uint8).reshape(1, 3, 4, 4)
    assert len({variant.apply(windows, np.flip).tobytes() for variant in ALL}) == 16


@pytest.mark.parametrize(("count", "sections", "expected"), [(1, 3, 1), (4, 3, 4), (16, 3, 16), (16, 1, 8), (4, 1, 4)])
def test_one_section_networks_have_no_reversed_sections(count: int, sections: int, expected: int) -> None:
    chosen = variants(count, sections)
    assert len(chosen) == expected
    assert sections > 1 or not any(v.flip_z for v in chosen)
    assert chosen[0] == Variant()


def test_four_variants_keep_one_window_shape() -> None:
    assert not any(variant.transpose for variant in FOUR)
