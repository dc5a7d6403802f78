"""Pyramids: planes at full size and at halved sizes, for the viewer; and planes at other sizes.

Axes are (z, y, x); all values are uint8.
"""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.volume.geometry import Box, pyramid_levels
from emstream.volume.planes import CHUNK, Encoded, Planes

UINT8 = NDArray[np.uint8]
Rows = Callable[[int, int], UINT8]
"""Returns rows top to bottom of a plane, (bottom - top, x) uint8."""


class Pyramid:
    """Planes at full size and halved again and again (2x2 area mean, y and x only) until at most 512 pixels remain."""

    def __init__(self, levels: list[Planes]) -> None:
        self.levels = levels

    @classmethod
    def create(cls, group: h5py.Group, name: str, shape: tuple[int, int, int], codec: str = "none") -> Pyramid:
        """Create `<name>/s0` .. `<name>/sN`."""
        levels = []
        depth, height, width = shape
        for level in range(pyramid_levels((height, width))):
            levels.append(Planes.create(group, f"{name}/s{level}", (depth, height, width), codec))
            height, width = -(-height // 2), -(-width // 2)
        return cls(levels)

    def write(self, z: int, plane: UINT8) -> None:
        """Write plane (y, x) uint8 and its reductions at z."""
        self.put(z, self.encode(plane))

    def encode(self, plane: UINT8) -> list[Encoded]:
        """Return plane (y, x) uint8 and its reductions for `put`, by level; may be called from any thread."""
        return [self.levels[0].encode(plane), *self.encode_reductions(plane)]

    def encode_rows(self, rows: Rows, note: Callable[[int, UINT8], None] | None = None) -> list[Encoded]:
        """Return what `encode` returns, for a plane that is never held whole; only of a compressed pyramid.

        rows: asked once for each strip of CHUNK rows, from the top. note: called with the first row and the values of
        each strip, (CHUNK or fewer, x) uint8.
        """
        full = self.levels[0]
        encoded: list[tuple[int, int, bytes]] = []

        def strip(top: int, bottom: int) -> UINT8:
            values = rows(top, bottom)
            encoded.extend(full.encode_block((top, 0), values))
            if note is not None:
                note(top, values)
            return values

        half = _halved(full.shape[1:], strip)
        return [encoded, *(self._encode_halves(half) if len(self.levels) > 1 else [])]

    def encode_reductions(self, plane: UINT8) -> list[Encoded]:
        """Return the reductions of plane (y, x) uint8 alone, by level from 1; empty if there are none."""
        return self._encode_halves(halve(plane)) if len(self.levels) > 1 else []

    def encode_reductions_of(self, z: int) -> list[Encoded]:
        """Return the reductions of the plane stored at z, by level from 1; the plane is read in strips."""
        full = self.levels[0]

        def rows(top: int, bottom: int) -> UINT8:
            strip: UINT8 = full.read_box(Box((z, top, 0), (z + 1, bottom, full.shape[2])))[0]
            return strip

        return self._encode_halves(_halved(full.shape[1:], rows)) if len(self.levels) > 1 else []

    def _encode_halves(self, plane: UINT8) -> list[Encoded]:
        encoded = [self.levels[1].encode(plane)]
        for level in self.levels[2:]:
            plane = halve(plane)
            encoded.append(level.encode(plane))
        return encoded

    def put(self, z: int, encoded: list[Encoded]) -> None:
        """Store at z what `encode` returned, or the reductions of a plane that is stored already."""
        for level, content in zip(self.levels[-len(encoded) :] if encoded else [], encoded, strict=True):
            level.put(z, content)


def halve(plane: UINT8) -> UINT8:
    """Return the 2x2 area mean of plane (y, x), (ceil(y / 2), ceil(x / 2)) uint8; odd ends average fewer pixels.

    It works strip by strip, as the library copies its input.
    """
    return _halved(plane.shape, lambda top, bottom: plane[top:bottom])


def _halved(size_yx: tuple[int, int], rows: Rows) -> UINT8:
    """Return `halve` of the plane that `rows` gives, asked once for each strip, from the top."""
    height, width = size_yx
    half = np.empty((-(-height // 2), -(-width // 2)), np.uint8)
    for top in range(0, height, CHUNK):
        strip = Image.fromarray(rows(top, min(top + CHUNK, height)))
        half[top // 2 : (top + CHUNK) // 2] = np.asarray(strip.reduce(2))
    return half


def resample(plane: UINT8, size_yx: tuple[int, int], smooth: bool = False) -> UINT8:
    """Return plane (y, x) uint8 at another size (y, x), anti-aliased: bicubic, or bilinear if `smooth` (probabilities).

    A plane of that size already is returned as it is.
    """
    if plane.shape == size_yx:
        return plane
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(plane).resize((size_yx[1], size_yx[0]), how), np.uint8)
