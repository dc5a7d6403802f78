"""A check that masks and labels are in the same place: order of sections, orientation, and sign.

Numbers in file names cannot show labels that are mirrored, of another order or inverted; the pixels can. Each section
is reduced to a small picture, and the pictures are compared as they are and as they would be after each mistake.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BOOL = NDArray[np.bool_]
FLOAT = NDArray[np.float32]
SIDE = 48
"""Side in pixels of a small picture of a section."""
BETTER = 0.25
"""Minimum gain of agreement by which another place is reported: neighbouring sections differ by less."""
GOOD = 0.5
"""Minimum agreement of the other place."""


class Placement:
    """Small pictures of masks and labels, taken while both pass by. Memory: two pictures per section."""

    def __init__(self) -> None:
        self._found: list[FLOAT] = []
        self._truth: list[FLOAT] = []
        self._is_square = True

    def see(self, found: BOOL, truth: BOOL) -> None:
        """Take the next section of both, (y, x) bool."""
        self._found.append(picture(found))
        self._truth.append(picture(truth))
        self._is_square &= truth.shape[0] == truth.shape[1]

    def note(self) -> str:
        """Return a sentence on the place where labels agree far better; empty if it is the one they have."""
        if not self._found:
            return ""
        found, truth = np.stack(self._found), np.stack(self._truth)
        here = agreement(found, truth)
        words, best = max(
            ((words, agreement(*pair)) for words, *pair in self._others(found, truth)), key=lambda entry: entry[1]
        )
        if best < max(GOOD, here + BETTER):
            return ""
        return (
            f"the labels agree far better with what is scored if they are {words} (agreement {best:.2f}, as they are "
            f"{here:.2f}): check that both are of the same sections, in one order and orientation"
        )

    def _others(self, found: FLOAT, truth: FLOAT) -> Iterator[tuple[str, FLOAT, FLOAT]]:
        yield "inverted", found, 1 - truth
        yield "mirrored left to right", found, truth[:, :, ::-1]
        yield "turned upside down", found, truth[:, ::-1]
        yield "turned by 180 degrees", found, truth[:, ::-1, ::-1]
        if self._is_square:
            yield "mirrored with x and y exchanged", found, truth.transpose(0, 2, 1)
        if len(found) > 2:
            yield "in reverse order of the sections", found, truth[::-1]
            yield "moved by one section towards the end", found[1:], truth[:-1]
            yield "moved by one section towards the beginning", found[:-1], truth[1:]


def picture(section: BOOL) -> FLOAT:
    """Return the share of True in each of at most SIDE x SIDE parts of a section (y, x)."""
    rows, columns = (np.linspace(0, side, min(SIDE, side), endpoint=False).astype(np.intp) for side in section.shape)
    sums = np.add.reduceat(np.add.reduceat(section, rows, axis=0, dtype=np.int32), columns, axis=1)
    parts = np.outer(np.diff(rows, append=section.shape[0]), np.diff(columns, append=section.shape[1]))
    shares: FLOAT = (sums / parts).astype(np.float32)
    return shares


def agreement(found: FLOAT, truth: FLOAT) -> float:
    """Return the Dice coefficient of two stacks of shares (z, y, x): 1 if they are equal, 0 without overlap."""
    whole = float((found**2).sum() + (truth**2).sum())
    return 2 * float((found * truth).sum()) / whole if whole else 0.0
