"""PNG written row by row (RFC 2083), so that a section of any size costs no more than a strip of it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray

from emstream_postprocess.exports.volumes import Rows

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
