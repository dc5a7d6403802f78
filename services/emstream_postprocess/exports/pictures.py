"""Sections as pictures in a ZIP: PNG holds every value, JPEG is for looking at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import imagecodecs
import numpy as np

from emstream.errors import JobFailed
from emstream_postprocess.exports.archive import archive
from emstream_postprocess.exports.file_names import file_name, section_name
from emstream_postprocess.exports.png_picture import write_png
from emstream_postprocess.exports.progress import Tick
from emstream_postprocess.exports.provenance import Notes
from emstream_postprocess.exports.volumes import Rows, Volume

QUALITY, MASK_QUALITY = 90, 100
"""Of JPEG; masks at their best, so that values above 127 are still exactly the mask."""
_MOST = np.iinfo(np.uint16).max


def write_pngs(part: Path, volumes: Sequence[Volume], notes: Notes, tick: Tick) -> None:
    """Write a PNG per section. Largest arrays held: a strip. Raises JobFailed for labels beyond 16 bits."""
    with archive(part, notes) as made:
        for volume in volumes:
            size = (volume.shape[1], volume.shape[2])
            for z in volume.sections:
                with made.entry(f"{file_name(volume)}/{section_name(volume, z)}.png") as entry:
                    pixel = None if notes.voxel_size_nm is None else notes.voxel_size_nm[1:]
                    write_png(entry, _ticked(volume, z, tick), size, pixel)


def _ticked(volume: Volume, z: int, tick: Tick) -> Iterator[Rows]:
    for _, rows in volume.strips(z):
        tick()
        yield rows if volume.dtype.itemsize == 1 else _in_16_bits(rows)


def _in_16_bits(rows: Rows) -> Rows:
    if rows.max(initial=0) > _MOST:
        raise JobFailed(
            f"PNG holds numbers up to {_MOST}, and there is an object {rows.max()}: take HDF5, TIFF, RAW or OME-Zarr"
        )
    return rows.astype(np.uint16)


def write_jpegs(part: Path, volumes: Sequence[Volume], notes: Notes, tick: Tick) -> None:
    """Write a JPEG per section. Largest array held: a section, three times as large in colour."""
    with archive(part, notes) as made:
        for volume in volumes:
            quality = MASK_QUALITY if volume.name.endswith("/mask") else QUALITY
            for z in volume.sections:
                picture = np.empty(volume.shape[1:], np.uint8)
                for y, rows in volume.strips(z):
                    tick()
                    picture[y : y + len(rows)] = rows
                name = f"{file_name(volume)}/{section_name(volume, z)}.jpg"
                made.add(name, bytes(imagecodecs.jpeg8_encode(picture, level=quality)))
