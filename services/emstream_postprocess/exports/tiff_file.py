"""TIFF stacks: as ImageJ writes them up to 4 GB, tiled OME BigTIFF above; numbers of objects always as OME-TIFF."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from emstream_postprocess.exports.archive import archive
from emstream_postprocess.exports.file_names import file_name
from emstream_postprocess.exports.progress import Advance
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import STRIP, ExportedVolume, Rows
from emstream_postprocess.result_files import CLASSIC_TIFF_LIMIT

TILE = STRIP


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write one TIFF, or a ZIP of several, each through a file of its own: TIFF's writer goes back and forth.

    Largest arrays held: a few strips.
    """
    if len(volumes) == 1:
        _write_volume(part, volumes[0], provenance, advance)
        return
    one = part.with_name(f"{part.name.removesuffix('.part')}.one.part")
    try:
        with archive(part, provenance) as made:
            for volume in volumes:
                _write_volume(one, volume, provenance, advance)
                made.add_file(f"{file_name(volume)}.tif", one)
    finally:
        one.unlink(missing_ok=True)


def _write_volume(part: Path, volume: ExportedVolume, provenance: Provenance, advance: Advance) -> None:
    is_big = math.prod(volume.shape) * volume.dtype.itemsize > CLASSIC_TIFF_LIMIT
    if is_big or volume.dtype.itemsize > 1:  # ImageJ's own TIFF has no uint32
        _write_ome(part, volume, provenance, advance, is_big)
    else:
        _write_imagej(part, volume, provenance, advance)


def _write_imagej(part: Path, volume: ExportedVolume, provenance: Provenance, advance: Advance) -> None:
    """Write the header over empty room, then the rows into it: all planes lie one behind the other."""
    import tifffile

    metadata: dict[str, object] = {"axes": _axes(volume), "Info": provenance.text}
    options: dict[str, object] = {}
    if provenance.voxel_size_um is not None:
        z, y, x = provenance.voxel_size_um
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
                advance()
                file.write(rows.tobytes())


def _write_ome(part: Path, volume: ExportedVolume, provenance: Provenance, advance: Advance, is_big: bool) -> None:
    import tifffile

    metadata: dict[str, object] = {
        "axes": _axes(volume),
        "Name": volume.name,
        "Description": provenance.text,
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, provenance.text + volume.name)),  # the same export, the same bytes
        "Creator": "emstream",
    }
    for axis, size in zip("ZYX", provenance.voxel_size_um or (), strict=False):
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    with tifffile.TiffWriter(part, ome=True, bigtiff=is_big) as writer:
        writer.write(
            _tiles(volume, advance),
            shape=volume.shape,
            dtype=volume.dtype,
            photometric=_photometric(volume),
            tile=(TILE, TILE),
            compression="zlib",
            metadata=metadata,
            software="emstream",
        )


def _tiles(volume: ExportedVolume, advance: Advance) -> Iterator[Rows]:
    for z in volume.sections:
        for _, rows in volume.strips(z):
            advance()
            for x in range(0, rows.shape[1], TILE):
                yield rows[:, x : x + TILE]


def _axes(volume: ExportedVolume) -> str:
    return "ZYXS" if volume.is_colour else "ZYX"


def _photometric(volume: ExportedVolume) -> str:
    return "rgb" if volume.is_colour else "minisblack"
