"""Pieces of slabs joined across their faces: checked on faces small enough to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.volume.files import opened
from emstream_postprocess.objects.join import join_pieces, unite, write_joined
from emstream_postprocess.objects.pieces import FIRST, LAST, Pieces
from emstream_postprocess.objects.steps import find_in_slab
from emstream_postprocess.objects.sums import empty_table
from emstream_postprocess.objects.surface import CLASSES
from tests.unit.emstream_postprocess.objects.test_pieces import objects_of
from tests.unit.emstream_postprocess.objects.test_steps import REQUEST, plan_of, write_results

SIZE = (4, 4)
NO_PAIRS = np.zeros((0, 2), np.int64)
Places = dict[int, tuple[int, int]]


def slab_of(first: Places, last: Places, voxels: list[int], seams: NDArray[np.int64] = NO_PAIRS) -> Pieces:
    """A slab of pieces of so many voxels, that show on its faces as single pixels (y, x) by number."""
    table = empty_table(len(voxels))
    table["voxels"], table["first"] = voxels, np.arange(len(voxels))
    faces = np.zeros((2, *SIZE), np.uint32)
    for end, places in ((FIRST, first), (LAST, last)):
        for number, place in places.items():
            faces[end, *place] = number
    return Pieces(table, seams, lambda end, y0, y1: faces[end, y0:y1])


def test_pieces_that_touch_at_a_corner_of_the_faces_are_one() -> None:
    slabs = [slab_of({}, {1: (1, 1)}, [3]), slab_of({1: (2, 2)}, {}, [4])]
    joined = join_pieces(slabs, SIZE, 1, is_flat=False)
    assert joined.table["voxels"].tolist() == [7]
    assert [numbers.tolist() for numbers in joined.numbers] == [[1], [1]]


def test_pieces_two_pixels_apart_stay_two() -> None:
    slabs = [slab_of({}, {1: (0, 0)}, [3]), slab_of({1: (0, 2)}, {}, [4])]
    assert join_pieces(slabs, SIZE, 1, is_flat=False).table["voxels"].tolist() == [3, 4]


def test_profiles_are_not_joined_across_sections() -> None:
    slabs = [slab_of({}, {1: (1, 1)}, [3]), slab_of({1: (1, 1)}, {}, [4])]
    joined = join_pieces(slabs, SIZE, 1, is_flat=True)
    assert joined.table["voxels"].tolist() == [3, 4]
    assert not joined.table["crossings"].any()


def test_a_missing_slab_counts_as_background_on_both_sides() -> None:
    slabs = [slab_of({}, {1: (1, 1)}, [1]), None, slab_of({1: (1, 1)}, {}, [1])]
    joined = join_pieces(slabs, SIZE, 1, is_flat=False)
    assert [numbers.tolist() for numbers in joined.numbers] == [[1], [], [2]]
    down = [d[0] == 1 for d in CLASSES]
    assert (joined.table["crossings"][:, down] == 1).all()  # on the side of the missing slab alone
    assert not joined.table["crossings"][:, ~np.array(down)].any()


def test_seams_within_a_slab_unite_its_pieces() -> None:
    joined = join_pieces([slab_of({}, {}, [2, 5, 1], np.array([[3, 1]]))], SIZE, 1, is_flat=False)
    assert joined.table["voxels"].tolist() == [3, 5]
    assert joined.numbers[0].tolist() == [1, 2, 1]


@pytest.mark.parametrize(("least", "ids", "dropped"), [(0, [1, 2, 3], 0), (3, [0, 1, 2], 1), (4, [0, 1, 0], 2)])
def test_small_objects_are_dropped_and_the_others_numbered_without_gaps(
    least: int, ids: list[int], dropped: int
) -> None:
    joined = join_pieces([slab_of({}, {}, [1, 5, 3])], SIZE, least, is_flat=False)
    assert joined.numbers[0].tolist() == ids
    assert joined.dropped == dropped


def test_no_slabs_give_no_objects() -> None:
    joined = join_pieces([None, None], SIZE, 1, is_flat=False)
    assert len(joined.table) == 0
    assert [len(numbers) for numbers in joined.numbers] == [0, 0]


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=25))
def test_uniting_gives_each_its_groups_least(count: int, drawn: list[tuple[int, int]]) -> None:
    pairs = [(a % count, b % count) for a, b in drawn]
    groups = [{k} for k in range(count)]
    for a, b in pairs:  # the slow way: merge sets
        merged = groups[a] | groups[b]
        for member in merged:
            groups[member] = merged
    found = unite(count, np.array(pairs, np.int64).reshape(-1, 2))
    assert found.tolist() == [min(group) for group in groups]


def test_faces_are_compared_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    probability = np.random.default_rng(4).integers(0, 256, (4, 23, 9), dtype=np.uint8)
    whole, _ = objects_of(probability, 1, 16)
    monkeypatch.setattr("emstream_postprocess.objects.join.STRIP", 3)
    strips, _ = objects_of(probability, 1, 16)
    assert (strips.table == whole.table).all()


def test_the_file_of_joined_objects_names_every_slab_also_a_missing_one(tmp_path: Path) -> None:
    folder, plan = JobFolder(tmp_path), plan_of((4, 8, 8), sections=2)
    volume = np.zeros((4, 8, 8), np.uint8)
    volume[0, 1:5, 1:5], volume[3, 0, 0] = 200, 200
    write_results(folder, plan, volume)
    find_in_slab(folder, plan, REQUEST, plan.slabs[0])  # the second slab's pieces are missing
    write_joined(folder, plan, min_voxels=5, made_for="this choice")
    with opened(folder.joined_path) as file:
        assert file.attrs["made_for"] == "this choice"
        assert file["spots"].attrs["dropped"] == 0
        assert file["spots/sums"]["voxels"].tolist() == [16]
        assert file["spots/numbers/00000"][()].tolist() == [1]
        assert len(file["spots/numbers/00001"]) == 0
