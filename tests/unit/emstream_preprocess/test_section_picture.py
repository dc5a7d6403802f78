"""Small pictures of sections: means of squares, stretched to be seen."""

from __future__ import annotations

from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.readers.stack import Grey, Rows, StackFacts, StackReader
from emstream_preprocess.inspection import MOST_SIDE, draw_section


class OneSection(StackReader):
    """A stack of one section, given in strips of three rows."""

    def __init__(self, section: NDArray[np.uint8]) -> None:
        self.section = section

    @property
    def facts(self) -> StackFacts:
        height, width = self.section.shape
        return StackFacts((1, height, width), np.dtype(np.uint8))

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        for y in range(0, len(self.section), 3):
            yield Rows(0, y, self.section[None, y : y + 3])

    def sample(self, z: int) -> Grey:
        grey: Grey = self.section
        return grey

    def close(self) -> None:
        pass


def drawn(section: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(imagecodecs.png_decode(draw_section(OneSection(section), 0)), np.uint8)


def test_a_small_section_keeps_its_size_and_uses_all_grey_values() -> None:
    section = np.linspace(100, 120, 40 * 50).reshape(40, 50).astype(np.uint8)
    picture = drawn(section)
    assert picture.shape == (40, 50)
    assert (picture.min(), picture.max()) == (0, 255)


@pytest.mark.parametrize(("height", "width", "expected"), [(1281, 700, (427, 234)), (10, 2000, (3, 500))])
def test_a_large_section_is_reduced_by_a_whole_number(height: int, width: int, expected: tuple[int, int]) -> None:
    picture = drawn(np.zeros((height, width), np.uint8))
    assert picture.shape == expected
    assert max(picture.shape) <= MOST_SIDE


def test_a_pixel_is_the_mean_of_its_square_at_the_borders_too() -> None:
    section = np.zeros((1, 641), np.uint8)
    section[0, ::2] = 200  # pairs have the mean 100, the last pixel stands alone
    picture = drawn(section)
    assert picture.shape == (1, 321)
    assert picture[0, -1] > picture[0, 0]
    assert len(np.unique(picture[0, :-1])) == 1
