"""Faults between sections: neighbours suffer, the middle one never."""

from __future__ import annotations

import numpy as np
import pytest

from emstream_training.augment.lost_sections import LARGEST_SHIFT, spoil_neighbours
from tests.unit.emstream_training.stacks import UINT8, grey_stack

SIDE = 64


def spoiled(sections: int, draws: int = 400) -> list[tuple[UINT8, UINT8]]:
    """Return (what was given, what came back) for many draws."""
    patch = grey_stack((sections, SIDE, SIDE))
    return [(patch, spoil_neighbours(patch, np.random.default_rng(seed))) for seed in range(draws)]


@pytest.mark.parametrize("sections", [3, 5])
def test_the_middle_section_is_never_touched(sections: int) -> None:
    pairs = spoiled(sections)
    assert all(np.array_equal(a[sections // 2], b[sections // 2]) for a, b in pairs)
    changed = np.mean([not np.array_equal(a, b) for a, b in pairs])
    assert 0.1 < changed < 0.25


def test_a_single_section_stays_as_it_is() -> None:
    assert all(a is b for a, b in spoiled(1))


def test_neighbours_are_lost_copied_shifted_or_all_noise() -> None:
    found = set()
    for given, back in spoiled(3, 2000):
        for index in (0, 2):
            if not back[index].any():
                found.add("lost")
            elif np.array_equal(back[index], given[1]):
                found.add("copied")
            elif back[index].std() > 65:
                found.add("noise")
            elif not np.array_equal(back[index], given[index]):
                found.add("shifted")
                inner = back[index][SIDE // 2, SIDE // 2]
                near = given[index][SIDE // 2 - LARGEST_SHIFT :, SIDE // 2 - LARGEST_SHIFT :]
                assert inner in near[: 2 * LARGEST_SHIFT + 1, : 2 * LARGEST_SHIFT + 1]
    assert found == {"lost", "copied", "noise", "shifted"}


def test_what_was_given_is_not_written_to() -> None:
    patch = grey_stack((5, SIDE, SIDE))
    kept = patch.copy()
    for seed in range(200):
        spoil_neighbours(patch, np.random.default_rng(seed))
    assert np.array_equal(patch, kept)
