"""The colours of objects, the same in pictures, exports and on the page: far apart also for most colour-blind eyes."""

from __future__ import annotations

Colour = tuple[int, int, int]
COLOURS: tuple[Colour, ...] = ((0, 200, 83), (255, 109, 0), (41, 121, 255), (213, 0, 249))
"""Red, green, blue of a job's first, second ... object; beyond the fourth they begin again."""


def colour_of(index: int) -> Colour:
    """Return the colour of a job's object number `index`."""
    return COLOURS[index % len(COLOURS)]


def in_hex(colour: Colour) -> str:
    """Return a colour as web pages write it.

    >>> in_hex((0, 200, 83))
    '#00c853'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)
