"""Colours of structures, the same in pictures, exports and on the page: distinct also for most colour-blind eyes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
COLOURS: tuple[Colour, ...] = ((0, 200, 83), (255, 109, 0), (41, 121, 255), (213, 0, 249))
"""Colours (red, green, blue) of a job's first, second ... structure; from the fifth on they repeat."""


def colour_of(index: int) -> Colour:
    """Return the colour of a job's structure number `index`."""
    return COLOURS[index % len(COLOURS)]


def in_hex(colour: Colour) -> str:
    """Return a colour as web pages write it.

    >>> in_hex((0, 200, 83))
    '#00c853'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def coloured(labels: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return labels (y, x) as (y, x, 4) red, green, blue, alpha: a bright colour for each, 0 transparent.

    The colour is the label's hash (Knuth's multiplicative): neighbouring numbers get other colours, without a table.
    """
    mixed = labels * np.uint32(2654435761)
    picture = np.empty((*labels.shape, 4), np.uint8)
    for channel, shift in enumerate((24, 16, 8)):
        picture[..., channel] = 64 + (mixed >> np.uint32(shift) & np.uint32(0xFF)) * np.uint32(191) // np.uint32(255)
    picture[..., 3] = np.where(labels > 0, 255, 0)
    return picture
