"""The 16 test-time variants: the eight symmetries of the square, each with the sections in order and reversed.

A variant is: reverse the sections, transpose y and x, reverse rows, reverse columns, each or not, in this order. The
prediction has one section, so undoing is reversing columns, rows, then transposing. All are exact: no voxel is
interpolated. Works on numpy arrays and torch tensors alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar


class Swappable(Protocol):
    """The part of numpy arrays and torch tensors that variants need."""

    def swapaxes(self, axis0: int, axis1: int, /) -> Self: ...


T = TypeVar("T", bound=Swappable)
Flip = Callable[[T, int], T]
"""Reverses one axis: numpy.flip or a torch counterpart."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the 16."""

    flip_z: bool = False
    transpose: bool = False
    flip_y: bool = False
    flip_x: bool = False

    def apply(self, windows: T, flip: Flip[T]) -> T:
        """Return windows (n, sections, y, x) as the network is to see them."""
        if self.flip_z:
            windows = flip(windows, 1)
        if self.transpose:
            windows = windows.swapaxes(2, 3)
        if self.flip_y:
            windows = flip(windows, 2)
        if self.flip_x:
            windows = flip(windows, 3)
        return windows

    def undo(self, probabilities: T, flip: Flip[T]) -> T:
        """Return the prediction (n, objects, y, x) as seen on the window itself."""
        if self.flip_x:
            probabilities = flip(probabilities, 3)
        if self.flip_y:
            probabilities = flip(probabilities, 2)
        if self.transpose:
            probabilities = probabilities.swapaxes(2, 3)
        return probabilities


ALL = tuple(
    Variant(z, t, y, x) for z in (False, True) for t in (False, True) for y in (False, True) for x in (False, True)
)
FOUR = (
    Variant(),
    Variant(flip_z=True, flip_y=True),
    Variant(flip_x=True),
    Variant(flip_z=True, flip_y=True, flip_x=True),
)


def variants(count: int, sections: int) -> tuple[Variant, ...]:
    """Return 1, 4 or 16 variants; reversing one section changes nothing, so 16 are 8 for one-section networks."""
    chosen = {1: (Variant(),), 4: FOUR, 16: ALL}[count]
    if sections > 1:
        return chosen
    return tuple(dict.fromkeys(Variant(False, v.transpose, v.flip_y, v.flip_x) for v in chosen))
