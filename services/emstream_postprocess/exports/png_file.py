"""PNG: a picture per section, in a ZIP; it holds every value of 8 and 16 bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from emstream.errors import JobFailed
from emstream_postprocess.exports.archive import archive
from emstream_postprocess.exports.file_names import file_name, section_name
from emstream_postprocess.exports.png_picture import write_png
from emstream_postprocess.exports.progress import Advance
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import ExportedVolume, Rows

_MOST = np.iinfo(np.uint16).max


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write a PNG per section. Largest arrays held: a strip. Raises JobFailed for labels beyond 16 bits."""
    with archive(part, provenance) as made:
        for volume in volumes:
            size = (volume.shape[1], volume.shape[2])
            for z in volume.sections:
                with made.entry(f"{file_name(volume)}/{section_name(volume, z)}.png") as entry:
                    pixel = None if provenance.voxel_size_nm is None else provenance.voxel_size_nm[1:]
                    write_png(entry, _rows(volume, z, advance), size, pixel)


def _rows(volume: ExportedVolume, z: int, advance: Advance) -> Iterator[Rows]:
    for _, rows in volume.strips(z):
        advance()
        yield rows if volume.dtype.itemsize == 1 else _in_16_bits(rows)


def _in_16_bits(rows: Rows) -> Rows:
    if rows.max(initial=0) > _MOST:
        raise JobFailed(
            f"PNG holds numbers up to {_MOST}, and there is an object {rows.max()}: take HDF5, TIFF, RAW or OME-Zarr"
        )
    return rows.astype(np.uint16)
