"""Volumes of an export, whose rows are made when they are asked for, from the stored files of the job.

Masks are made from the stored probability with the order's own thresholds: an export does not change while it is
written when a user chooses others. Overlays are the section with the masks on top in each structure's colour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream.jobs.export_order import ExportOrder
from emstream.jobs.record import Plan
from emstream.volume.colours import colour_of
from emstream_postprocess.exports.slab_reader import SlabReader, level_size
from emstream_postprocess.result_files import OVERLAY_OPACITY
from emstream_postprocess.stitch import mask_of

UINT8 = NDArray[np.uint8]
Rows = NDArray[Any]
"""(y, x) uint8 or uint32, or (y, x, 3) uint8."""
STRIP = 512
"""Number of rows made at a time; the height of the stored chunks, so that each is decoded once."""
_Make = Callable[[int, tuple[int, int], int], Rows]


@dataclass(frozen=True, slots=True)
class ExportedVolume:
    """One volume of an export. name: of its file or data set; meaning: of its values. Axes are (z, y, x) and colour.

    sections: numbers in the job, which the names of files keep. make: makes rows of a section, from its number, the
    rows' range, and the level of the pyramid.
    """

    name: str
    meaning: str
    dtype: np.dtype[Any]
    is_colour: bool
    sections: range
    plan: Plan
    make: _Make

    @property
    def shape(self) -> tuple[int, ...]:
        """(z, y, x), or (z, y, x, 3) in colour."""
        return (len(self.sections), *self.plan.shape_zyx[1:], *[3] * self.is_colour)

    def strips(self, z: int, level: int = 0) -> Iterator[tuple[int, Rows]]:
        """Yield (first row, rows) of section z, a number in the job, from top to bottom."""
        height, _ = level_size(self.plan, level)
        for y in range(0, height, STRIP):
            yield y, self.make(z, (y, min(y + STRIP, height)), level)

    def section(self, z: int, level: int = 0) -> Rows:
        """Return a complete section, for formats that need one."""
        size = level_size(self.plan, level)
        whole = np.empty((*size, 3) if self.is_colour else size, self.dtype)
        for y, rows in self.strips(z, level):
            whole[y : y + len(rows)] = rows
        return whole


def volumes_of(reader: SlabReader, order: ExportOrder) -> list[ExportedVolume]:
    """Return the volumes that an order is for."""
    sections, plan = range(*order.z), reader.plan
    if order.content == "original":
        return [ExportedVolume("raw", "grey value", np.dtype(np.uint8), False, sections, plan, reader.raw)]
    groups = [order.objects] if order.combined else [[name] for name in order.objects]
    dtype = np.dtype(np.uint32 if order.content == "labels" else np.uint8)
    is_colour = order.content == "overlay"
    return [
        ExportedVolume(
            f"{'combined' if order.combined else names[0]}/{order.content}",
            _meaning(order, names),
            dtype,
            is_colour,
            sections,
            plan,
            _maker(reader, order, names),
        )
        for names in groups
    ]


def _meaning(order: ExportOrder, names: list[str]) -> str:
    match order.content:
        case "mask" if len(names) > 1:
            values = ", ".join(f"{_value(i, len(names))} = {name}" for i, name in enumerate(names))
            return f"{values}; where objects overlap the one named last"
        case "mask":
            return f"255 = {names[0]}"
        case "labels":
            return "numbers of objects, 0 = background"
        case "probability" if len(names) > 1:
            return f"largest p of {', '.join(names)}; p = v / 255"
        case "probability":
            return "p = v / 255"
        case _:
            return f"section with {', '.join(names)} in colour"


def _value(index: int, count: int) -> int:
    return round(255 * (index + 1) / count)


def _maker(reader: SlabReader, order: ExportOrder, names: list[str]) -> _Make:
    def mask(name: str, z: int, rows: tuple[int, int], level: int) -> UINT8:
        return mask_of(reader.probability(name, z, rows, level), order.thresholds[name])

    def masks(z: int, rows: tuple[int, int], level: int) -> Rows:
        values = mask(names[0], z, rows, level)
        if len(names) > 1:
            values = np.minimum(values, np.uint8(_value(0, len(names))))
        for index, name in enumerate(names[1:], 1):
            values[mask(name, z, rows, level) > 0] = _value(index, len(names))
        return values

    def probabilities(z: int, rows: tuple[int, int], level: int) -> Rows:
        values = reader.probability(names[0], z, rows, level)
        for name in names[1:]:
            values = np.maximum(values, reader.probability(name, z, rows, level))
        return values

    def overlay(z: int, rows: tuple[int, int], level: int) -> Rows:
        covers = [(mask(n, z, rows, level) > 0, colour_of(n)) for n in names]
        return painted(reader.raw(z, rows, level), covers)

    match order.content:
        case "mask":
            return masks
        case "labels":
            return lambda z, rows, level: reader.labels(names[0], z, rows, level)
        case "probability":
            return probabilities
        case _:
            return overlay


def painted(grey: UINT8, covers: list[tuple[NDArray[np.bool_], tuple[int, int, int]]]) -> UINT8:
    """Return grey (y, x) as (y, x, 3) with each cover (y, x) laid over in its colour, at OVERLAY_OPACITY."""
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    levels = np.arange(256)
    for cover, colour in covers:
        for channel, paint in enumerate(colour):
            blended = np.rint(levels + OVERLAY_OPACITY * (paint - levels)).astype(np.uint8)
            plane = picture[:, :, channel]
            np.copyto(plane, blended[plane], where=cover)
    return picture


Advance = Callable[[], None]
"""Called before each strip is written; what it raises stops the writer."""
EVERY_S = 0.5
"""Seconds between two reports."""


@dataclass
class Progress:
    """Strips written so far. total: strips in all. look: called with the share done, at most twice a second."""

    total: int
    look: Callable[[float], None]
    done: int = 0
    _next: float = 0.0

    def __call__(self) -> None:
        """Count one strip more. Raises what `look` raises."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self.look(min(1.0, self.done / max(1, self.total)))
        self.done += 1
