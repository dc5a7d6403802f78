"""Boxes, slabs, packages and windows: the geometry of a stack, as pure functions of sizes.

Axes are (z, y, x), in voxels; boxes are half-open. A stack is cut into slabs (consecutive sections), a slab into
packages (blocks in y and x), a package into windows (one section each, as the network sees it).

    section, padded with zeros to `padded` (a multiple of the alignment, at least MINIMUM_SIDE)
    +-----------------------------------------+
    |        read box of a package            |      core boxes cover every voxel exactly once;
    |   +---------------------------+         |      read boxes are core + halo, shifted inward at
    |   |         core box          |  halo   |      the borders, all of one shape, with origins on
    |   +---------------------------+         |      multiples of the alignment.
    +-----------------------------------------+
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emstream.errors import ShapeError

Shape3 = tuple[int, int, int]
Shape2 = tuple[int, int]

MINIMUM_SIDE = 1024
"""Sections below this side are padded with zeros to it (the paper's rule)."""
HALO_SECTIONS = 2
"""Sections kept beyond a slab's ends: networks over five sections look two up and two down."""


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open region: voxels start <= v < stop on each axis (z, y, x)."""

    start: Shape3
    stop: Shape3

    def __post_init__(self) -> None:
        if any(a > b for a, b in zip(self.start, self.stop, strict=True)):
            raise ShapeError(f"a box must not stop before it starts, got {self.start} to {self.stop}")

    @property
    def shape(self) -> Shape3:
        """Lengths of the edges."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Slices that cut this box out of an array of the whole volume."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def within(self, outer: Box) -> Box:
        """Return this box in coordinates relative to `outer`'s first voxel."""
        return Box(_minus(self.start, outer.start), _minus(self.stop, outer.start))


def _minus(a: Shape3, b: Shape3) -> Shape3:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@dataclass(frozen=True, slots=True)
class Slab:
    """Consecutive sections [z_start, z_stop) of a stack of `depth` sections."""

    index: int
    z_start: int
    z_stop: int
    depth: int

    def halo_above(self) -> list[int]:
        """Sections before the slab that networks look at; the first section repeated beyond the stack's end."""
        return [max(z, 0) for z in range(self.z_start - HALO_SECTIONS, self.z_start)]

    def halo_below(self) -> list[int]:
        """Sections after the slab that networks look at; the last section repeated beyond the stack's end."""
        return [min(z, self.depth - 1) for z in range(self.z_stop, self.z_stop + HALO_SECTIONS)]


def plan_slabs(depth: int, sections: int) -> list[Slab]:
    """Cut `depth` sections into slabs; only the last one may be shorter.

    >>> [(s.z_start, s.z_stop) for s in plan_slabs(65, 32)]
    [(0, 32), (32, 64), (64, 65)]
    """
    starts = range(0, depth, sections)
    return [Slab(i, z, min(z + sections, depth), depth) for i, z in enumerate(starts)]


@dataclass(frozen=True, slots=True)
class Tiling:
    """How one section is cut: the same for every section of a job and every checkpoint of one grid.

    size_yx: the section; padded_yx: the section with its zero padding; read_yx: the one shape of all read boxes.
    """

    size_yx: Shape2
    halo: int
    alignment: int
    core: int

    def __post_init__(self) -> None:
        if min(self.size_yx) < 1:
            raise ShapeError(f"a section needs at least one pixel, got {self.size_yx}")
        if self.halo % self.alignment or self.core % self.alignment or self.halo < 0:
            raise ShapeError(f"core {self.core} and halo {self.halo} must be multiples of {self.alignment}")

    @property
    def padded_yx(self) -> Shape2:
        """Section size padded to the next multiple of the alignment, at least MINIMUM_SIDE."""
        return self._padded(self.size_yx[0]), self._padded(self.size_yx[1])

    @property
    def read_yx(self) -> Shape2:
        """Shape of every read box: core and two halos, but never more than the padded section."""
        height, width = self.padded_yx
        return min(self.core + 2 * self.halo, height), min(self.core + 2 * self.halo, width)

    @property
    def blocks_yx(self) -> Shape2:
        """Number of packages down and across."""
        return -(-self.size_yx[0] // self.core), -(-self.size_yx[1] // self.core)

    def core_at(self, row: int, column: int) -> tuple[Shape2, Shape2]:
        """Return start and stop (y, x) of a package's core; together the cores cover the section exactly once."""
        y, x = row * self.core, column * self.core
        return (y, x), (min(y + self.core, self.size_yx[0]), min(x + self.core, self.size_yx[1]))

    def read_start(self, row: int, column: int) -> Shape2:
        """Return the read box's first pixel (y, x): the core's less the halo, shifted inward at the borders."""
        height, width = self.padded_yx
        read_height, read_width = self.read_yx
        y = min(max(row * self.core - self.halo, 0), height - read_height)
        x = min(max(column * self.core - self.halo, 0), width - read_width)
        return y, x

    def _padded(self, side: int) -> int:
        return max(MINIMUM_SIDE, -(-side // self.alignment) * self.alignment)


@dataclass(frozen=True, slots=True)
class Package:
    """One block of a slab in one grid: what travels the queues.

    core_box: what it writes; read_box: what it reads, in padded coordinates; its z extent is the core's (halo sections
    are stored with the slab).
    """

    index: int
    slab: int
    grid: int
    core_box: Box
    read_box: Box


def plan_packages(slab: Slab, grid: int, tiling: Tiling, first_index: int) -> list[Package]:
    """Cut a slab into packages, rows before columns, numbered from `first_index`."""
    return list(_packages(slab, grid, tiling, first_index))


def _packages(slab: Slab, grid: int, tiling: Tiling, index: int) -> Iterator[Package]:
    rows, columns = tiling.blocks_yx
    for row in range(rows):
        for column in range(columns):
            start, stop = tiling.core_at(row, column)
            read = tiling.read_start(row, column)
            read_stop = read[0] + tiling.read_yx[0], read[1] + tiling.read_yx[1]
            yield Package(
                index,
                slab.index,
                grid,
                core_box=Box((slab.z_start, *start), (slab.z_stop, *stop)),
                read_box=Box((slab.z_start, *read), (slab.z_stop, *read_stop)),
            )
            index += 1


def pyramid_levels(size_yx: Shape2, smallest: int = 512) -> int:
    """Return how many levels a pyramid has whose last level's longest side is at most `smallest`.

    >>> pyramid_levels((10000, 16000))
    6
    """
    levels, side = 1, max(size_yx)
    while side > smallest:
        side = -(-side // 2)
        levels += 1
    return levels
