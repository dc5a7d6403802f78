"""PDF (ISO 32000-1): a page per section and volume, its picture above a caption, written object by object.

It is written without a library, as libraries keep all pages until the end. Pictures have at most 5000 pixels a side:
larger sections come from a level of the pyramid. Masks and labels are kept exactly (Flate), grey and blended pictures
are JPEG. No page comes near the 14 400 points that viewers accept.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.errors import JobFailed
from emstream.volume.colours import coloured
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.slab_reader import level_size
from emstream_postprocess.exports.volumes import Advance, ExportedVolume

MOST_PIXELS = 5000
"""Maximum side of a picture in pixels."""
QUALITY = 90
"""JPEG quality."""
POINTS_PER_PIXEL = 72 / 300
"""Size of a pixel on the page: 300 to an inch."""
LEAST_POINTS = 432.0
"""Minimum width of a page, so that its caption fits: small pictures are enlarged."""
MOST_POINTS = 14000.0
"""Maximum height of a picture on the page."""
MOST_BYTES = 10**10 - 1
"""Last byte at which an object may begin: PDF writes it in ten digits."""
CAPTION_POINTS = 44.0
FONT_POINTS = 9.0
_PAGES = 2
"""Number of the object that lists the pages, which is written last."""


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write the file. Largest array held: a picture of 5000 x 5000 pixels in colour."""
    with part.open("wb") as file:
        document = _Document(file, provenance)
        for z in volumes[0].sections:
            for volume in volumes:
                document.add_page(_picture(volume, z, advance), _caption(volume, z, provenance))
        document.finish()


@dataclass(frozen=True, slots=True)
class _Picture:
    """An image as PDF stores it. colours: 1 or 3."""

    width: int
    height: int
    colours: int
    encoding: str
    content: bytes


def _picture(volume: ExportedVolume, z: int, advance: Advance) -> _Picture:
    level = 0
    while max(level_size(volume.plan, level)) > MOST_PIXELS:
        level += 1
    is_exact = volume.name.endswith(("/mask", "/labels"))
    size = level_size(volume.plan, level)
    colours = 3 if volume.is_colour or volume.dtype.itemsize > 1 else 1
    whole = np.empty((*size, 3) if colours == 3 else size, np.uint8)
    for y, rows in volume.strips(z, level):
        advance()
        whole[y : y + len(rows)] = (
            rows if volume.dtype.itemsize == 1 else coloured(rows)[:, :, :3] * (rows > 0)[..., None]
        )
    if is_exact:
        return _Picture(size[1], size[0], colours, "FlateDecode", zlib.compress(whole.tobytes(), 1))
    return _Picture(size[1], size[0], colours, "DCTDecode", _jpeg(whole))


def _jpeg(whole: NDArray[np.uint8]) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(whole, level=QUALITY))


def _caption(volume: ExportedVolume, z: int, provenance: Provenance) -> tuple[str, str]:
    name = str(provenance.facts.get("name") or "")
    height, width = volume.shape[1:3]
    return (
        f"{name + ', ' if name else ''}section {z + 1}: {volume.name.replace('/', ' ')} ({volume.meaning})",
        f"{width} x {height} pixels, {provenance.caption()}; emstream {provenance.facts['emstream']}",
    )


class _Document:
    """The file under way. Held: where each object begins."""

    def __init__(self, file: IO[bytes], provenance: Provenance) -> None:
        self._file = file
        self._starts: dict[int, int] = {}
        self._pages: list[int] = []
        self._next = 3
        file.write(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
        self._object(1, b"<< /Type /Catalog /Pages 2 0 R >>")
        self._font = self._add(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
        facts = {
            "Title": _title(provenance),
            "Creator": f"emstream {provenance.facts['emstream']}",
            "emstream": provenance.text,
        }
        self._about = self._add(
            b"<< " + b" ".join(b"/%s %s" % (k.encode(), _text(v)) for k, v in facts.items()) + b" >>"
        )

    def add_page(self, picture: _Picture, caption: tuple[str, str]) -> None:
        """Add a page with a picture and two lines below it."""
        scale = min(max(POINTS_PER_PIXEL, LEAST_POINTS / picture.width), MOST_POINTS / picture.height)
        width, height = picture.width * scale, picture.height * scale
        drawing = [f"q {width:.2f} 0 0 {height:.2f} 0 {CAPTION_POINTS:.2f} cm /P Do Q".encode()]
        for line, y in zip(caption, (26.0, 12.0), strict=True):
            drawing.append(b"BT /F %.1f Tf 8 %.1f Td %s Tj ET" % (FONT_POINTS, y, _shown(line, width)))
        space = "DeviceRGB" if picture.colours == 3 else "DeviceGray"
        image = self._add_stream(
            f"/Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /ColorSpace /{space} "
            f"/BitsPerComponent 8 /Filter /{picture.encoding}",
            picture.content,
        )
        content = self._add_stream("", b"\n".join(drawing))
        page = (
            f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 {width:.2f} {height + CAPTION_POINTS:.2f}] "
            f"/Resources << /XObject << /P {image} 0 R >> /Font << /F {self._font} 0 R >> >> /Contents {content} 0 R >>"
        )
        self._pages.append(self._add(page.encode()))

    def finish(self) -> None:
        """Write the list of pages, and where all objects begin."""
        kids = " ".join(f"{page} 0 R" for page in self._pages)
        self._object(_PAGES, f"<< /Type /Pages /Count {len(self._pages)} /Kids [{kids}] >>".encode())
        start, count = self._file.tell(), self._next
        rows = [b"0000000000 65535 f \n", *(b"%010d 00000 n \n" % self._starts[n] for n in range(1, count))]
        self._file.write(b"xref\n0 %d\n" % count + b"".join(rows))
        trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        self._file.write(trailer % (count, self._about, start))

    def _add(self, content: bytes) -> int:
        number, self._next = self._next, self._next + 1
        self._object(number, content)
        return number

    def _add_stream(self, facts: str, content: bytes) -> int:
        head = f"<< {facts} /Length {len(content)} >>\nstream\n".encode()
        return self._add(head + content + b"\nendstream")

    def _object(self, number: int, content: bytes) -> None:
        self._starts[number] = self._file.tell()
        if self._starts[number] > MOST_BYTES:
            raise JobFailed(f"a PDF holds at most {MOST_BYTES / 1e9:.0f} GB: choose fewer sections, or another format")
        self._file.write(b"%d 0 obj\n" % number + content + b"\nendobj\n")


def _title(provenance: Provenance) -> str:
    return f"{provenance.facts.get('name') or 'emstream'}: {provenance.facts['content']}"


def _text(text: str) -> bytes:
    """Return a text of the document's facts, in UTF-16 as PDF wants it."""
    return b"<" + (b"\xfe\xff" + text.encode("utf-16-be")).hex().encode() + b">"


def _shown(line: str, width: float) -> bytes:
    """Return a line as a PDF string, cut to the page's width (a letter of Helvetica is half its size wide)."""
    letters = int(width / (FONT_POINTS * 0.5)) - 4
    cut = line if len(line) <= letters else line[: letters - 3] + "..."
    escaped = cut.encode("cp1252", "replace")
    for special in (b"\\", b"(", b")"):
        escaped = escaped.replace(special, b"\\" + special)
    return b"(" + escaped + b")"
