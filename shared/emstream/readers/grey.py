"""Grey values of image files: colours that are grey, palettes, transparency, inverted and 1-bit pixels.

The rule for colour: an image counts as grey if its largest channel differs from its smallest by at most 8 of 255 in at
least 99.9 % of the pixels (room for JPEG artefacts); grey = the rounded mean of the three channels. Anything else is a
ColourImage. Colours and palettes are converted in strips of rows: besides input and output only a strip is held.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from emstream.errors import ColourImage, UnsupportedFormat
from emstream.readers.stack import Grey

CHANNEL_TOLERANCE = 8
"""Maximum difference between the channels of a grey pixel, of 255."""
COLOURED_SHARE = 0.001
"""Maximum share of coloured pixels in an image that is read as grey."""
COLOUR_RULE = "colour channels that agree within 8 of 255 in 99.9 % of the pixels are read as grey, their rounded mean"
STRIP_ROWS = 256
"""Number of rows converted at a time."""
COLOUR_LABELS: np.dtype[np.generic] = np.dtype(np.uint32)
"""Type of labels that were colours."""


def grey_from_colour(colour: Grey, name: str) -> Grey:
    """Return the grey (y, x) of colour (y, x, 3) uint8 or uint16. Raises ColourImage if the channels do not agree."""
    if colour.dtype not in (np.uint8, np.uint16):
        raise ColourImage(f"{name} is a colour picture of type {colour.dtype}; sections must be grey. Convert it.")
    tolerance = CHANNEL_TOLERANCE * (257 if colour.dtype == np.uint16 else 1)
    grey = np.empty(colour.shape[:2], colour.dtype)
    coloured = 0
    for rows in _strips(colour.shape[0]):
        strip = colour[rows].astype(np.int32)
        coloured += int(np.count_nonzero(strip.max(axis=2) - strip.min(axis=2) > tolerance))
        grey[rows] = (strip.sum(axis=2) + 1) // 3
    _refuse_coloured(coloured, grey.size, name)
    return grey


def planes_differ(planes: Grey) -> bool:
    """Return whether the first three planes of (s, y, x) differ by more than the rule for colour allows."""
    tolerance = {np.dtype(np.uint8): CHANNEL_TOLERANCE, np.dtype(np.uint16): CHANNEL_TOLERANCE * 257}.get(
        planes.dtype.newbyteorder("="), 0
    )
    differing = 0
    for rows in _strips(planes.shape[1]):
        strip = planes[:3, rows].astype(np.float64)
        differing += int(np.count_nonzero(np.ptp(strip, axis=0) > tolerance))
    return bool(differing > COLOURED_SHARE * planes[0].size)


def grey_from_palette(
    indices: NDArray[np.integer], palette: NDArray[np.uint8], opaque: NDArray[np.bool_] | None, name: str
) -> NDArray[np.uint8]:
    """Return grey (y, x) of palette indices (y, x), by the same rule as for colour.

    palette: (n, 3) uint8; indices beyond it read as black.
    opaque: (n,) bool, False for wholly transparent colours, which read as 0; None if there are none.
    """
    size = int(np.iinfo(indices.dtype).max) + 1
    colours = np.zeros((size, 3), np.int32)
    colours[: min(size, len(palette))] = palette[:size]
    table = ((colours.sum(axis=1) + 1) // 3).astype(np.uint8)
    is_coloured = np.ptp(colours, axis=1) > CHANNEL_TOLERANCE
    if opaque is not None:
        table[: len(opaque)][~opaque] = 0
        is_coloured[: len(opaque)][~opaque] = False
    grey = np.empty(indices.shape, np.uint8)
    coloured = 0
    for rows in _strips(indices.shape[0]):
        grey[rows] = table[indices[rows]]
        if is_coloured.any():
            coloured += int(np.count_nonzero(is_coloured[indices[rows]]))
    _refuse_coloured(coloured, grey.size, name)
    return grey


def labels_from_colour(colour: Grey, name: str) -> NDArray[np.uint32]:
    """Return labels (y, x) of colours (y, x, 3) uint8: a grey pixel has its value, any other a number of its own.

    So black is 0, and a mask in one colour has 0 and one other value.
    """
    if colour.dtype != np.uint8:
        raise UnsupportedFormat(
            f"{name} is a colour picture of type {colour.dtype}; labels in colour have 8 bits. "
            "Save them as grey images."
        )
    labels = np.empty(colour.shape[:2], np.uint32)
    for rows in _strips(colour.shape[0]):
        red, green, blue = np.moveaxis(colour[rows].astype(np.uint32), -1, 0)
        is_grey = (red == green) & (green == blue)
        labels[rows] = np.where(is_grey, red, (1 << 24) + (red << 16) + (green << 8) + blue)
    return labels


def labels_from_palette(
    indices: NDArray[np.integer], palette: NDArray[np.uint8], opaque: NDArray[np.bool_] | None, name: str
) -> NDArray[np.integer]:
    """Return labels (y, x) of palette indices: the indices, or the grey values of a palette of grey alone.

    palette: (n, 3) uint8; opaque: as in `grey_from_palette`; transparent colours are 0. Raises UnsupportedFormat where
    black is among the pixels but not at index 0: background is then no longer 0.
    """
    is_grey = not np.ptp(palette.astype(np.int32), axis=1).any()
    if is_grey and len(palette) and palette.max() > palette.min():
        return grey_from_palette(indices, palette, opaque, name)
    labels = indices
    if opaque is not None:
        hidden = np.flatnonzero(~opaque)
        labels = np.where(np.isin(indices, hidden), indices.dtype.type(0), indices)
    used = [int(index) for index in np.unique(labels) if index < len(palette)]
    black = [index for index in used if not palette[index].any()]
    if 0 in used and palette[0].any() and black:
        raise UnsupportedFormat(
            f"{name} has labels with a palette whose index 0 is a colour, and {black[0]} is black: background must be "
            "0. Save the labels as grey images, 0 for background."
        )
    return labels


def without_transparent(grey: Grey, alpha: Grey) -> Grey:
    """Return `grey` with 0 where `alpha` (same shape) is 0; partly transparent pixels keep their value."""
    return np.where(alpha == 0, grey.dtype.type(0), grey)


def inverted(values: Grey, bits: int) -> Grey:
    """Return values whose smallest means white (MINISWHITE) with the smallest meaning black; same dtype.

    bits: used bits per pixel of unsigned integers (12 in a uint16 from a 12-bit camera).
    """
    match values.dtype.kind:
        case "b":
            return np.logical_not(values)
        case "u":
            return np.subtract(values.dtype.type(2**bits - 1), values)
        case "i":
            return np.invert(values)  # -1 - v: the end points swap, nothing overflows
        case _:
            return np.negative(values)


def full_range(values: Grey, bits: int) -> Grey:
    """Return pixels of fewer than 8 bits spread over 0..255 uint8 (1 bit: 0 or 255); others as they are."""
    if bits >= 8:
        return values
    return np.multiply(values.astype(np.uint8), np.uint8(255 // (2**bits - 1)))


def _refuse_coloured(coloured: int, pixels: int, name: str) -> None:
    if coloured > COLOURED_SHARE * pixels:
        raise ColourImage(
            f"{name} is a colour picture: its red, green and blue differ in {coloured / pixels:.1%} of the pixels; "
            "sections must be grey. Convert them to grey, or export the raw channel."
        )


def _strips(rows: int) -> Iterator[slice]:
    for start in range(0, rows, STRIP_ROWS):
        yield slice(start, start + STRIP_ROWS)
