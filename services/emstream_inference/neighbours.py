"""Sections that a network sees at once: one, and its neighbours. A nearer one stands for a blank neighbour.

Sections get lost when they are cut or imaged, and files keep an empty one in their place. Beyond the stack's ends the
end section is repeated; it is the same here, where the tissue has a gap. What is in the blank section itself is not
guessed: its probabilities are 0, without the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emstream.volume.geometry import Box
from emstream.volume.planes import Planes

STRIP_ROWS = 512
"""Rows read at once when a section is searched: the rows of the files' chunks."""


def is_blank(planes: Planes, z: int, part: NDArray[np.uint8]) -> bool:
    """Return whether all of section z has one grey value. part: what has been read of it, (y, x).

    Of a section with tissue in that part no more is read, else of most no more than a strip: the answer is the whole
    section's, and does not depend on how it was cut.
    """
    value = part[0, 0]
    if not (part == value).all():
        return False
    _, height, width = planes.shape
    strips = (Box((z, y, 0), (z + 1, min(y + STRIP_ROWS, height), width)) for y in range(0, height, STRIP_ROWS))
    return all((planes.read_box(strip) == value).all() for strip in strips)


def seen_from(z: int, reach: int, blank: Sequence[bool]) -> list[int]:
    """Return the sections that stand in a window for z - reach to z + reach. blank: of each section, if it is.

    >>> seen_from(2, 2, [False, True, False, False, True])
    [0, 2, 2, 3, 3]
    """
    return [*reversed(_side(z, reach, -1, blank)), z, *_side(z, reach, 1, blank)]


def _side(z: int, reach: int, step: int, blank: Sequence[bool]) -> list[int]:
    seen, nearest = [], z
    for distance in range(1, reach + 1):
        neighbour = z + step * distance
        nearest = nearest if blank[neighbour] else neighbour
        seen.append(nearest)
    return seen
