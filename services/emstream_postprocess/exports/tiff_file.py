"""TIFF stacks: as ImageJ writes them up to 4 GB, tiled OME BigTIFF above; numbers of objects always as OME-TIFF."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from pathlib import Path

from emstream_postprocess.exports.progress import Tick
from emstream_postprocess.exports.provenance import Notes
from emstream_postprocess.exports.volumes import STRIP, Rows, Volume
from emstream_postprocess.result_files import CLASSIC_TIFF_LIMIT

TILE = STRIP


def write_tiff(part: Path, volume: Volume, notes: Notes, tick: Tick) -> None:
    """Write one volume. Largest arrays held: a few strips."""
    is_big = math.prod(volume.shape) * volume.dtype.itemsize > CLASSIC_TIFF_LIMIT
    if is_big or volume.dtype.itemsize > 1:  # ImageJ's own TIFF has no uint32
        _write_ome(part, volume, notes, tick, is_big)
    else:
        _write_imagej(part, volume, notes, tick)


def _write_imagej(part: Path, volume: Volume, notes: Notes, tick: Tick) -> None:
    """Write the header over empty room, then the rows into it: all planes lie one behind the other."""
    import tifffile

    metadata: dict[str, object] = {"axes": _axes(volume), "Info": notes.text}
    options: dict[str, object] = {}
    if notes.voxel_size_um is not None:
        z, y, x = notes.voxel_size_um
        metadata |= {"spacing": z, "unit": "um"}
        options["resolution"] = (1 / x, 1 / y)
    with tifffile.TiffWriter(part, imagej=True) as writer:
        offset, _ = writer.write(
            None,
            shape=volume.shape,
            dtype=volume.dtype,
            photometric=_photometric(volume),
            metadata=metadata,
            software="emstream",
            returnoffset=True,
            **options,
        )
    with part.open("r+b") as file:
        file.seek(offset)
        for z in volume.sections:
            for _, rows in volume.strips(z):
                tick()
                file.write(rows.tobytes())


def _write_ome(part: Path, volume: Volume, notes: Notes, tick: Tick, is_big: bool) -> None:
    import tifffile

    metadata: dict[str, object] = {
        "axes": _axes(volume),
        "Name": volume.name,
        "Description": notes.text,
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, notes.text + volume.name)),  # the same export, the same bytes
        "Creator": "emstream",
    }
    for axis, size in zip("ZYX", notes.voxel_size_um or (), strict=False):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    with tifffile.TiffWriter(part, ome=True, bigtiff=is_big) as writer:
        writer.write(
            _tiles(volume, tick),
            shape=volume.shape,
            dtype=volume.dtype,
            photometric=_photometric(volume),
            tile=(TILE, TILE),
            compression="zlib",
            metadata=metadata,
            software="emstream",
        )


def _tiles(volume: Volume, tick: Tick) -> Iterator[Rows]:
    for z in volume.sections:
        for _, rows in volume.strips(z):
            tick()
            for x in range(0, rows.shape[1], TILE):
                yield rows[:, x : x + TILE]


def _axes(volume: Volume) -> str:
    return "ZYXS" if volume.is_colour else "ZYX"


def _photometric(volume: Volume) -> str:
    return "rgb" if volume.is_colour else "minisblack"
