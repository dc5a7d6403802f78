"""Colours of structures, the same in pictures, exports and on the page: distinct also for most colour-blind eyes.

A structure has one colour, whatever else is found with it, so that two jobs can be compared.
"""

from __future__ import annotations

import colorsys
import zlib

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
COLOURS: dict[str, Colour] = {"mitochondria": (0, 200, 83), "membranes": (255, 109, 0), "nuclei": (41, 121, 255)}
"""Colours (red, green, blue) of the structures that the shipped checkpoints find."""


def colour_of(structure: str) -> Colour:
    """Return the colour of a structure: of an unknown one a bright colour whose hue is the hash of its name.

    >>> colour_of("nuclei")
    (41, 121, 255)
    """
    if structure in COLOURS:
        return COLOURS[structure]
    red, green, blue = colorsys.hsv_to_rgb(zlib.crc32(structure.encode()) / 2**32, 1.0, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


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
