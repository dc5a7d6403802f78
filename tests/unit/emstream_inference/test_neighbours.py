"""Sections that stand for blank neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emstream.volume.files import created
from emstream.volume.planes import Planes
from emstream_inference.packages import STRIP_ROWS, is_blank, seen_from


@pytest.mark.parametrize(
    ("missing", "reach", "expected"),
    [
        ((), 2, [1, 2, 3, 4, 5]),
        ((2,), 1, [3, 3, 4]),
        ((2,), 2, [1, 3, 3, 4, 5]),
        ((1,), 2, [2, 2, 3, 4, 5]),
        ((4, 5), 2, [1, 2, 3, 3, 3]),
        ((2, 4), 0, [3]),
    ],
)
def test_a_nearer_section_stands_for_a_blank_one(missing: tuple[int, ...], reach: int, expected: list[int]) -> None:
    assert seen_from(3, reach, [z in missing for z in range(7)]) == expected


@pytest.mark.parametrize("at", [None, (0, 0), (STRIP_ROWS - 1, 5), (STRIP_ROWS, 0), (2 * STRIP_ROWS + 9, 39)])
def test_a_section_is_blank_if_all_of_it_is(tmp_path: Path, at: tuple[int, int] | None) -> None:
    section = np.full((2 * STRIP_ROWS + 10, 40), 7, np.uint8)
    if at is not None:
        section[at] = 8
    with created(tmp_path / "slab.h5") as file:
        planes = Planes.create(file, "raw", (2, *section.shape))
        planes.write(0, section + 50)
        planes.write(1, section)
        assert is_blank(planes, 1, section[3:90, 3:30]) == (at is None)
        assert is_blank(planes, 1, section) == (at is None)
