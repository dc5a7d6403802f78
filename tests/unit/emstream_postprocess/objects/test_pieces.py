"""Objects: slabs and blocks joined give what the whole volume gives, whatever the cuts."""

from __future__ import annotations

import cc3d
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.volume.geometry import Box, plan_slabs
from emstream_postprocess.objects.blocks import Layers
from emstream_postprocess.objects.join import Joined, join_pieces, numbered_blocks
from emstream_postprocess.objects.pieces import Pieces, find_pieces
from emstream_postprocess.objects.sums import SINGLE_PASS
from emstream_postprocess.objects.surface import CLASSES

UINT8 = NDArray[np.uint8]
UINT32 = NDArray[np.uint32]


def layers_of(probability: UINT8, is_outline: bool = False) -> Layers:
    return Layers(probability.shape, lambda box: probability[box.slices], 128, is_outline)


def objects_of(
    probability: UINT8, sections: int, side: int, min_voxels: int = 1, is_outline: bool = False
) -> tuple[Joined, UINT32]:
    """Cut a volume, find and join its pieces, number them; returns the objects and their labels."""
    slabs = plan_slabs(len(probability), sections)
    size = probability.shape[1], probability.shape[2]
    found = []
    for slab in slabs:
        faces = np.zeros((2, *size), np.uint32)

        def keep(core: Box, numbers: UINT32, faces: UINT32 = faces) -> None:
            faces[:, *core.slices[1:]] = numbers

        layers = layers_of(probability[slab.z_start : slab.z_stop], is_outline)
        table, seams = find_pieces(layers, slab.z_start, keep, side)
        found.append(Pieces(table, seams, lambda end, y0, y1, faces=faces: faces[end, y0:y1]))  # type: ignore[misc]
    joined = join_pieces(found, size, min_voxels, is_outline)
    labels = np.zeros(probability.shape, np.uint32)
    for slab, numbers in zip(slabs, joined.numbers, strict=True):
        layers = layers_of(probability[slab.z_start : slab.z_stop], is_outline)
        for core, section in numbered_blocks(layers, numbers, side):
            labels[slab.z_start : slab.z_stop][core.slices] = [section(z) for z in range(core.shape[0])]
    return joined, labels


def whole(mask: NDArray[np.bool_]) -> UINT32:
    """Label a whole volume by cc3d, numbered by first voxel in z, y, x order."""
    found = cc3d.connected_components(mask.view(np.uint8), connectivity=26)
    names, first = np.unique(found, return_index=True)
    order = names[np.argsort(first)]
    numbers = np.zeros(int(found.max()) + 1, np.uint32)
    numbers[order[order > 0]] = np.arange(1, np.count_nonzero(order) + 1)
    return np.asarray(numbers[found])


def random_volume(shape: tuple[int, int, int], seed: int, share: float) -> UINT8:
    random = np.random.default_rng(seed)
    values = random.integers(0, 128, shape, dtype=np.uint8)
    return np.where(random.random(shape) < share, values + np.uint8(128), values)


SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 14), st.integers(1, 14))


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 9), st.integers(1, 15))
def test_slabs_and_blocks_joined_are_the_whole_volume(
    shape: tuple[int, int, int], seed: int, share: float, sections: int, side: int
) -> None:
    probability = random_volume(shape, seed, share**2)
    joined, labels = objects_of(probability, sections, side)
    expected = whole(probability >= 128)
    assert (labels == expected).all()
    assert (joined.table["voxels"] == np.bincount(expected.ravel(), minlength=len(joined.table) + 1)[1:]).all()


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 9), st.integers(1, 15), st.booleans())
def test_sums_do_not_depend_on_the_cuts(
    shape: tuple[int, int, int], seed: int, share: float, sections: int, side: int, is_outline: bool
) -> None:
    probability = random_volume(shape, seed, share)
    cut, _ = objects_of(probability, sections, side, 2, is_outline)
    uncut, _ = objects_of(probability, shape[0], 16, 2, is_outline)
    if is_outline:  # crossings between sections mean nothing for profiles
        for table in (cut.table, uncut.table):
            table["crossings"][:, [k for k, (dz, _, _) in enumerate(CLASSES) if dz]] = 0
    assert (cut.table == uncut.table).all()
    assert cut.dropped == uncut.dropped


def test_sums_are_those_of_the_voxels() -> None:
    probability = random_volume((7, 20, 23), 3, 0.08)
    joined, labels = objects_of(probability, 3, 8)
    for row, number in zip(joined.table, range(1, labels.max() + 1), strict=True):
        places = np.argwhere(labels == number)
        assert row["first"] == np.ravel_multi_index(tuple(places[0]), labels.shape)
        assert (row["start"] == places.min(0)).all()
        assert (row["stop"] == places.max(0) + 1).all()
        assert (row["sums"] == places.sum(0)).all()
        z, y, x = places.T
        assert row["products"].tolist() == [(a * b).sum() for a, b in ((z, z), (y, y), (x, x), (z, y), (z, x), (y, x))]
        assert row["probability"] == probability[labels == number].sum()
        assert row["uncertainty"] == SINGLE_PASS[probability[labels == number]].astype(int).sum()


@pytest.mark.parametrize("sections", [2, 5])
def test_profiles_are_four_connected_and_end_with_their_section(sections: int) -> None:
    probability = random_volume((5, 30, 30), 5, 0.5)
    joined, labels = objects_of(probability, sections, 8, is_outline=True)
    count = 0
    for z, section in enumerate(probability):
        enclosed = (section < 128).view(np.uint8)
        expected, more = cc3d.connected_components(enclosed, connectivity=4, return_N=True)
        assert (labels[z] == np.where(expected > 0, expected + count, 0)).all()
        count += int(more)
    assert len(joined.table) == count


def test_small_objects_are_dropped_after_they_are_joined() -> None:
    probability = np.zeros((6, 10, 10), np.uint8)
    probability[:, 2, 2] = 200  # six voxels, in three slabs
    probability[0, 8, 8] = 200
    joined, labels = objects_of(probability, 2, 4, min_voxels=6)
    assert joined.dropped == 1
    assert (labels == whole(probability * (labels > 0) >= 128)).all()
    assert joined.table["voxels"].tolist() == [6]
