"""PNG: a picture per section, in a ZIP; it holds every value of 8 and 16 bits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from emstream.errors import JobFailed
from emstream_postprocess.exports.archive import archive, file_name, section_name
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import Advance, ExportedVolume, Rows

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


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2
_NONE, _UP = 0, 2
_MOST_PER_METRE = 2**31 - 1


def write_png(
    file: IO[bytes], strips: Iterable[Rows], size_yx: tuple[int, int], pixel_nm: tuple[float, float] | None
) -> None:
    """Write a picture of uint8, uint16 or colour rows. pixel_nm: size of a pixel (y, x), kept as pixels per metre.

    Rows are stored as their difference to the row above: sections compress better so, and masks as well.
    """
    compressor, is_begun, above = zlib.compressobj(1), False, None
    for rows in strips:
        if not is_begun:
            file.write(_SIGNATURE)
            _chunk(file, b"IHDR", _header(rows, size_yx))
            if pixel_nm is not None:
                _chunk(file, b"pHYs", _density(pixel_nm))
            is_begun = True
        lines = _lines(rows)
        content = compressor.compress(_filtered(lines, above).tobytes())
        above = lines[-1]
        if content:
            _chunk(file, b"IDAT", content)
    _chunk(file, b"IDAT", compressor.flush())
    _chunk(file, b"IEND", b"")


def _header(rows: Rows, size_yx: tuple[int, int]) -> bytes:
    colour = _COLOUR if rows.ndim == 3 else _GREY
    return struct.pack(">IIBBBBB", size_yx[1], size_yx[0], 8 * rows.dtype.itemsize, colour, 0, 0, 0)


def _density(pixel_nm: tuple[float, float]) -> bytes:
    y, x = (min(round(1e9 / edge), _MOST_PER_METRE) for edge in pixel_nm)
    return struct.pack(">IIB", x, y, 1)


def _lines(rows: Rows) -> NDArray[np.uint8]:
    """Return the rows' bytes (y, bytes), 16-bit values with the higher byte first."""
    wide = rows.astype(">u2") if rows.dtype.itemsize == 2 else rows
    return np.ascontiguousarray(wide).view(np.uint8).reshape(len(rows), -1)


def _filtered(lines: NDArray[np.uint8], above: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    filtered = np.empty((lines.shape[0], lines.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[1:, 1:] = lines[1:] - lines[:-1]
    filtered[0, 1:] = lines[0] if above is None else lines[0] - above
    return filtered


def _chunk(file: IO[bytes], kind: bytes, content: bytes) -> None:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    file.write(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))
