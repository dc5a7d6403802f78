"""The sixteen variants of a stack."""

from __future__ import annotations

import numpy as np
import pytest

from emstream_training.data.prepare import COUNT, variant
from tests.unit.emstream_training.stacks import UINT8

STACK = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def turned(stack: UINT8, number: int) -> UINT8:
    return np.stack(list(variant(tuple(stack), number)))


def test_variants_are_the_sixteen_symmetries_each_once() -> None:
    assert len({turned(STACK, number).tobytes() for number in range(1, COUNT + 1)}) == COUNT
    assert np.array_equal(turned(STACK, 1), STACK)
    assert np.array_equal(turned(STACK, 4)[0], [[2, 5, 8], [1, 4, 7], [0, 3, 6]])  # counter-clockwise
    assert np.array_equal(turned(STACK, 6), np.rot90(STACK[:, ::-1], 1, (1, 2)))
    assert np.array_equal(turned(STACK, 16), np.rot90(STACK[::-1], 2, (1, 2)))


@pytest.mark.parametrize("number", range(1, 9))
def test_the_second_eight_are_the_first_eight_with_sections_reversed(number: int) -> None:
    assert np.array_equal(turned(STACK, number + 8), turned(STACK[::-1], number))


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_every_variant_keeps_the_values_of_each_section(number: int) -> None:
    found = turned(STACK, number)
    sections = STACK if number <= 8 else STACK[::-1]
    assert all(sorted(a.ravel()) == sorted(b.ravel()) for a, b in zip(found, sections, strict=True))


def test_sections_that_are_not_square_change_sides() -> None:
    wide = np.zeros((1, 2, 5), np.uint8)
    assert [turned(wide, number).shape[1:] for number in range(1, 9)] == [(2, 5)] * 3 + [(5, 2)] * 4 + [(2, 5)]
