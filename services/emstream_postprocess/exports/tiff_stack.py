"""TIFF written from strips of rows: as ImageJ writes stacks up to 4 GB, tiled OME BigTIFF above.

Every TIFF that leaves emstream is written here. Numbers of objects are OME-TIFF at any size: ImageJ's has no uint32.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream.volume.voxel_size import VoxelSize

Rows = NDArray[Any]
"""(y, x) uint8 or uint32, or (y, x, 3) uint8."""
TILE = 512
"""Side of a tile in pixels."""
CLASSIC_TIFF_LIMIT = 2**32 - 2**25
"""Bytes of voxels that fit into a TIFF with 32-bit offsets, less room for its headers."""


@dataclass(frozen=True, slots=True)
class TiffStack:
    """A stack to be written. shape: (z, y, x), or (z, y, x, 3) in colour; voxel_size_um: (z, y, x).

    text, name: what the file says of its origin and of itself; without them tifffile's own words stand.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    voxel_size_um: VoxelSize | None
    text: str = ""
    name: str = ""

    @property
    def is_big(self) -> bool:
        """Whether the voxels do not fit into a TIFF with 32-bit offsets."""
        return math.prod(self.shape) * self.dtype.itemsize > CLASSIC_TIFF_LIMIT

    @property
    def options(self) -> dict[str, object]:
        """Return tifffile's options that both kinds share."""
        options: dict[str, object] = {"shape": self.shape, "dtype": self.dtype, "photometric": "minisblack"}
        if len(self.shape) > 3:
            options["photometric"] = "rgb"
        if self.text:
            options["software"] = "emstream"
        return options

    @property
    def axes(self) -> str:
        """Return the axes' letters."""
        return "ZYXS" if len(self.shape) > 3 else "ZYX"


def write_tiff_stack(part: Path, stack: TiffStack, strips: Iterable[Rows]) -> None:
    """Write a stack. strips: the rows of all sections from the first's top to the last's bottom.

    No strip spans two sections, and each is TILE rows high, or reaches a section's lower edge.
    Largest arrays held: a few strips.
    """
    if stack.is_big or stack.dtype.itemsize > 1:
        _write_ome(part, stack, strips)
    else:
        _write_imagej(part, stack, strips)


def _write_imagej(part: Path, stack: TiffStack, strips: Iterable[Rows]) -> None:
    """Write the header over empty room, then the rows into it: all planes follow one another."""
    import tifffile

    metadata: dict[str, object] = {"axes": stack.axes}
    if stack.text:
        metadata["Info"] = stack.text
    options = stack.options
    if stack.voxel_size_um is not None:
        z, y, x = stack.voxel_size_um
        # ImageJ takes sections without a spacing for 1 unit thick: of the thickness, the unit says that it is none
        metadata |= {"unit": "um"} | ({"spacing": z} if z is not None else {"zunit": "pixel"})
        options["resolution"] = (1 / x, 1 / y)
    with tifffile.TiffWriter(part, imagej=True) as writer:
        offset, _ = writer.write(None, metadata=metadata, returnoffset=True, **options)
    with part.open("r+b") as file:
        file.seek(offset)
        for rows in strips:
            file.write(rows.tobytes())


def _write_ome(part: Path, stack: TiffStack, strips: Iterable[Rows]) -> None:
    import tifffile

    metadata: dict[str, object] = {"axes": stack.axes}
    if stack.text:
        metadata |= {
            "Name": stack.name,
            "Description": stack.text,
            "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, stack.text + stack.name)),  # the same export, the same bytes
            "Creator": "emstream",
        }
    for axis, size in zip("ZYX", stack.voxel_size_um or (None, None, None), strict=True):
        if size is None:
            continue  # OME allows positive sizes only, and none at all
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    with tifffile.TiffWriter(part, ome=True, bigtiff=stack.is_big) as writer:
        writer.write(
            _tiles(strips),
            tile=(TILE, TILE),
            compression="zlib",
            metadata=metadata,
            **stack.options,
        )


def _tiles(strips: Iterable[Rows]) -> Iterator[Rows]:
    for rows in strips:
        for x in range(0, rows.shape[1], TILE):
            yield rows[:, x : x + TILE]
