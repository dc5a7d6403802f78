"""Grey values: one range for the stack, uint8 out, and checks on values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import NotFinite
from emstream.volume.intensity import IntensityRange, check_finite, choose_range, is_binary, to_uint8

RNG = np.random.default_rng(5)


def test_uint8_is_left_as_it_is() -> None:
    section = RNG.integers(30, 90, (40, 50), np.uint8)
    intensity = choose_range([section], section.dtype)
    assert intensity.is_identity
    assert np.shares_memory(to_uint8(section, intensity), section)


def test_bool_becomes_0_and_255() -> None:
    mask = RNG.random((8, 9)) > 0.5
    grey = to_uint8(mask, choose_range([mask], mask.dtype))
    assert np.array_equal(grey, mask * 255)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_wide_types_are_mapped_linearly_between_their_percentiles(dtype: str) -> None:
    section = (RNG.normal(0, 20, (200, 300)).clip(-100, 100) + (0 if dtype[0] in "if" else 1000)).astype(dtype)
    intensity = choose_range([section], section.dtype)
    low, high = np.percentile(section.astype(float), [0.1, 99.9])
    assert intensity.low == pytest.approx(low, abs=1)
    assert intensity.high == pytest.approx(high, abs=1)
    expected = np.rint((section.astype(float) - intensity.low) / (intensity.high - intensity.low) * 255).clip(0, 255)
    assert np.abs(to_uint8(section, intensity) - expected).max() <= 1
    assert to_uint8(section, intensity).dtype == np.uint8


def test_signed_bytes_are_shifted_by_128_and_nothing_else() -> None:
    section = np.arange(-128, 128, dtype=np.int8).reshape(16, 16)
    grey = to_uint8(section, choose_range([section], section.dtype))
    assert np.array_equal(grey.reshape(-1), np.arange(256))


def test_contrast_stretch_is_only_on_request_and_cuts_the_tails() -> None:
    section = RNG.integers(100, 140, (300, 300), np.uint8)
    section[0, :10] = 255
    intensity = choose_range([section], section.dtype, contrast_stretch=True)
    assert (intensity.low, intensity.high) == (100, 139)
    grey = to_uint8(section, intensity)
    assert (grey.min(), grey.max()) == (0, 255)


@pytest.mark.parametrize("fills", [(0,), (65535,), (0, 65535)])
@pytest.mark.parametrize("share", [0.003, 0.3])
def test_padding_and_blank_sections_take_no_part_in_the_range(fills: tuple[int, ...], share: float) -> None:
    tissue = RNG.normal(20000, 1500, (300, 300)).clip(1, 65534).astype(np.uint16)
    padded = tissue.copy()
    for number, fill in enumerate(fills):
        rows = round(share * 300)
        padded[number * rows : (number + 1) * rows] = fill
    plain, found = (choose_range([section], tissue.dtype) for section in (tissue, padded))
    assert found.low == pytest.approx(plain.low, abs=150)
    assert found.high == pytest.approx(plain.high, abs=150)


def test_a_detector_that_saturates_is_not_taken_for_padding() -> None:
    section = RNG.normal(50000, 8000, (300, 300)).clip(0, 65535).astype(np.uint16)
    assert (section == 65535).mean() > 0.01
    assert choose_range([section], section.dtype).high == 65535


def test_a_single_hot_voxel_does_not_make_the_stack_black() -> None:
    section = RNG.integers(1000, 2000, (300, 300)).astype(np.uint16)
    section[7, 7] = 65535
    assert choose_range([section], section.dtype).high < 2100


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_a_constant_stack_becomes_black(value: int) -> None:
    section = np.full((20, 20), value, np.uint16)
    assert not to_uint8(section, choose_range([section], section.dtype)).any()


def test_rare_values_keep_their_order_if_the_percentiles_coincide() -> None:
    section = np.zeros((100, 100), np.uint16)
    section[0, 0], section[0, 1] = 100, 40
    grey = to_uint8(section, choose_range([section], section.dtype))
    assert (grey[0, 0], grey[0, 1]) == (255, 102)


def test_conversion_in_pieces_equals_conversion_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    section = RNG.integers(0, 65535, (3, 37, 41)).astype(np.uint16)
    intensity = IntensityRange(100, 60000, section.dtype)
    at_once = to_uint8(section, intensity)
    monkeypatch.setattr("emstream.volume.intensity.STRIP_VOXELS", 100)
    assert np.array_equal(to_uint8(section, intensity), at_once)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.lists(st.floats(-1e7, 1e7), min_size=2))
def test_mapping_is_monotonous(low: float, width: float, values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    grey = to_uint8(ordered, IntensityRange(low, low + width, ordered.dtype)).astype(int)
    assert (np.diff(grey) >= 0).all()


def test_ranges_must_rise() -> None:
    with pytest.raises(ValueError, match="rise"):
        IntensityRange(3, 3, np.dtype(np.uint16))


def test_samples_of_different_shapes_are_used_together() -> None:
    samples = [np.full((10, 10), 10, np.uint16), np.full((5, 30), 20, np.uint16)]
    intensity = choose_range(iter(samples), np.dtype(np.uint16))
    assert (intensity.low, intensity.high) == (10, 20)


def test_not_finite_values_are_told_with_their_place() -> None:
    section = np.zeros((4, 4), np.float32)
    check_finite(section, "section 3")
    section[1, 1] = np.nan
    section[2, 2] = np.inf
    with pytest.raises(NotFinite, match=r"section 3: 2 of 16 voxels"):
        check_finite(section, "section 3")
    with pytest.raises(NotFinite):
        choose_range([np.full((3, 3), np.nan)], np.dtype(np.float64))


def test_two_values_in_enough_voxels_are_a_mask() -> None:
    mask = (RNG.random((64, 64)) > 0.5).astype(np.uint8) * 255
    assert is_binary([mask])
    assert is_binary([np.zeros((64, 64), np.uint8), np.full((64, 64), 255, np.uint8)])
    assert not is_binary([mask[:63]]), "too few voxels to tell"
    assert not is_binary([np.full((64, 64), 9, np.uint8)]), "a constant stack is not binary"
    assert not is_binary([mask, np.full((1, 1), 128, np.uint8)])
    assert not is_binary([])


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_small_16_bit_values_are_counts_unless_they_span_a_bytes_levels(dtype: type[np.integer]) -> None:
    levels = np.arange(256).repeat(40).reshape(64, 160)
    whole, dark = (choose_range([values.astype(dtype)], np.dtype(dtype)) for values in (levels, levels // 5))
    assert (whole.low, whole.high) == (0, 255)
    assert (dark.low, dark.high) == (0, 51)
    shifted = choose_range([(levels + 1).astype(dtype)], np.dtype(dtype))
    assert (shifted.low, shifted.high) == (1, 256)
