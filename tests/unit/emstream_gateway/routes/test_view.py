"""The view of a job: finished sections as ranges."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream_gateway.routes.view import section_ranges
from tests.plans import make_plan


@pytest.mark.parametrize(
    ("slabs", "ranges"),
    [([], []), ([0], [(0, 4)]), ([2], [(8, 10)]), ([2, 0], [(0, 4), (8, 10)]), ([0, 1, 2], [(0, 10)])],
)
def test_neighbouring_slabs_are_one_range(slabs: list[int], ranges: list[tuple[int, int]]) -> None:
    assert section_ranges(make_plan((10, 64, 64), 4), slabs) == ranges


@given(st.integers(1, 9), st.sets(st.integers(0, 10)))
def test_ranges_hold_the_sections_of_the_slabs_and_no_others(sections: int, slabs: set[int]) -> None:
    plan = make_plan((30, 64, 64), sections)
    some = {slab for slab in slabs if slab * sections < 30}
    ranges = section_ranges(plan, some)
    expected = {z for slab in some for z in range(slab * sections, min((slab + 1) * sections, 30))}
    assert {z for start, stop in ranges for z in range(start, stop)} == expected
    assert all(one[1] < other[0] for one, other in pairwise(ranges))
