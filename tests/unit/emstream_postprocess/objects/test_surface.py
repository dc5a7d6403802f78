"""Counting crossings: against a count voxel by voxel, and weights against solids of known surface."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.volume.geometry import Box
from emstream_postprocess.objects.blocks import label_block
from emstream_postprocess.objects.sums import sum_block
from emstream_postprocess.objects.surface import CLASSES, area_weights, perimeter_weights
from tests.unit.emstream_postprocess.objects.test_pieces import layers_of, objects_of

Voxel = tuple[float, float, float]


def crossings_by_hand(mask: NDArray[np.bool_]) -> list[int]:
    """Count per direction the pairs of voxels, one inside and one outside, also beyond the array."""
    padded = np.pad(mask, 3)
    return [
        int(np.count_nonzero(padded & ~np.roll(padded, d, (0, 1, 2))))
        + int(np.count_nonzero(padded & ~np.roll(padded, [-step for step in d], (0, 1, 2))))
        for d in CLASSES
    ]


def test_no_two_directions_are_opposite_or_the_same() -> None:
    both = {*CLASSES, *((-z, -y, -x) for z, y, x in CLASSES)}
    assert len(both) == 2 * len(CLASSES) == 34


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.1, 0.9), st.integers(1, 4))
def test_crossings_are_those_counted_voxel_by_voxel(seed: int, share: float, sections: int) -> None:
    mask = np.random.default_rng(seed).random((4, 6, 7)) < share
    joined, _ = objects_of(np.where(mask, np.uint8(255), np.uint8(0)), sections, 3)
    assert joined.table["crossings"].sum(axis=0).tolist() == crossings_by_hand(mask)


def test_within_a_slab_nothing_crosses_its_upper_and_lower_face() -> None:
    block = label_block(layers_of(np.full((2, 3, 3), 255, np.uint8)), Box((0, 0, 0), (2, 3, 3)))
    row = sum_block(block, 0, (3, 3), None)["crossings"][0]
    counts = dict(zip(CLASSES, row.tolist(), strict=True))
    assert counts[1, 0, 0] == 0
    assert counts[0, 0, 1] == 2 * 2 * 3  # two sections of three rows, each line in and out


@pytest.mark.parametrize("voxel", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (3.0, 1.0, 2.0)])
def test_weights_give_a_flat_sheet_both_of_its_sides(voxel: Voxel) -> None:
    """A line that goes down dz sections crosses a wide sheet dz times on each side; the sheet's rim is left out."""
    dz = np.array([abs(z) for z, _, _ in CLASSES])
    area = float((2 * dz) @ area_weights(voxel))
    assert area == pytest.approx(2 * voxel[1] * voxel[2], rel=0.25)  # the worst case of 17 directions


@pytest.mark.parametrize("voxel", [(1.0, 1.0, 1.0), (0.05, 0.005, 0.005)])
def test_weights_of_the_sphere_add_up(voxel: Voxel) -> None:
    lengths = np.linalg.norm(np.array(CLASSES) * voxel, axis=1)
    shares = area_weights(voxel) * lengths / (2 * np.prod(voxel))
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()


def test_a_perimeter_counts_directions_within_the_section_only() -> None:
    weights = perimeter_weights((50.0, 5.0, 5.0))
    assert [weight > 0 for weight in weights] == [z == 0 for z, _, _ in CLASSES]
    lengths = np.linalg.norm(np.array(CLASSES) * (50.0, 5.0, 5.0), axis=1)
    assert (weights * lengths).sum() == pytest.approx(np.pi / 2 * 25)


@pytest.mark.parametrize("factor", [2.0, 0.001])
def test_weights_grow_with_the_square_and_the_length_of_the_unit(factor: float) -> None:
    voxel = (3.0, 1.0, 1.0)
    scaled = (3.0 * factor, factor, factor)
    assert area_weights(scaled) == pytest.approx(factor**2 * area_weights(voxel))
    assert perimeter_weights(scaled) == pytest.approx(factor * perimeter_weights(voxel))
