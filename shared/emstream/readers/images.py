"""One PNG or JPEG file: its header and its grey pixels.

Pillow's PNG and JPEG classes are used directly and not `Image.open`: no other format can be reached, and its fixed
limit on pixels (a warning at 89 million) does not apply; the one in `limits` does. EXIF orientation is ignored:
microscopes write none.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin

from emstream.errors import ColourImage, UnsupportedFormat
from emstream.readers.confined import held
from emstream.readers.formats import PNG
from emstream.readers.grey import (
    COLOUR_LABELS,
    grey_from_colour,
    grey_from_palette,
    labels_from_colour,
    labels_from_palette,
    without_transparent,
)
from emstream.readers.limits import DEFLATE_RATIO, check_claim, check_memory, decoding
from emstream.readers.stack import Grey
from emstream.volume.voxel_size import VoxelSize

_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_COLOUR_MODES = ("RGB", "RGBA")
_BYTES_PER_PIXEL = {"L": 3, "P": 3, "1": 4, "I;16": 6, "I;16B": 6, "I;16L": 6, "LA": 8, "RGB": 10}
"""Bytes that decoding takes at its peak: Pillow's own pixels, and two copies as an array is made of them."""
_MOST_PER_PIXEL = 12
_COEFFICIENTS = 6
"""Bytes for each pixel of a progressive JPEG, whose coefficients are all held."""
_WIDE_MODES = ("I;16", "I;16B", "I;16L", "I")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The header of one section file. is_colour: the pixels must still pass the rule for colour."""

    size_yx: tuple[int, int]
    dtype: np.dtype[np.generic]
    is_colour: bool = False
    is_reduced: bool = False
    """16-bit channels of a colour or transparent image, read as 8 bits."""
    voxel_size_nm: VoxelSize | None = None


def read_image_header(path: Path, are_labels: bool = False) -> ImageHeader:
    """Return the header of a PNG or JPEG, of labels if `are_labels`.

    Raises DamagedFile, TooLarge, ColourImage or UnsupportedFormat.
    """
    with held(path) as place, place.open("rb") as file:
        start = file.read(26)
    stored = path.stat().st_size
    bits = 8
    if PNG.fits(start, "") and len(start) == 26:
        width, height, bits, colour_type = struct.unpack(">IIBB", start[16:26])
        row_bytes = -(-width * bits * _PNG_CHANNELS.get(colour_type, 1) // 8)
        check_claim(path.name, width, height, row_bytes * height, stored, DEFLATE_RATIO)
    with _opened(path) as image:
        width, height, mode = image.width, image.height, image.mode
        per_pixel = _BYTES_PER_PIXEL.get(mode, _MOST_PER_PIXEL) + _COEFFICIENTS * ("progressive" in image.info)
    check_claim(path.name, width, height, width * height // (8 // min(bits, 8)), stored, DEFLATE_RATIO)
    if are_labels and bits == 16 and mode in _COLOUR_MODES:
        raise UnsupportedFormat(
            f"{path.name} has labels in colours of 16 bits; 8 bits are read. Save the labels as grey images."
        )
    check_memory(path.name, width * height * per_pixel, stored)
    return ImageHeader(
        size_yx=(height, width),
        dtype=COLOUR_LABELS if are_labels and mode in _COLOUR_MODES else _dtype_of(mode, path.name),
        is_colour=not are_labels and (mode in _COLOUR_MODES or mode == "P"),
        is_reduced=bits == 16 and mode in ("LA", *_COLOUR_MODES),
    )


def decode_image(path: Path, what: str, are_labels: bool = False) -> Grey:
    """Return the grey (y, x) pixels of a PNG or JPEG whose header was read. `what` names it in DamagedFile.

    1-bit images give 0 and 255; palettes are looked up; pixels of alpha 0 are 0. are_labels: colours and coloured
    palettes give numbers, as `open_labels` says. Raises ColourImage.
    """
    with decoding(what), _opened(path) as image:
        image.load()
        if are_labels and image.mode in ("P", *_COLOUR_MODES):
            return _numbers(image, path.name)
        return _grey_pixels(image, path.name)


def _grey_pixels(image: Image.Image, name: str) -> Grey:
    match image.mode:
        case "1":
            return np.asarray(image.convert("L"))
        case "P":
            return grey_from_palette(np.asarray(image), _palette(image), _opaque(image), name)
        case "LA":
            pixels = np.asarray(image)
            return without_transparent(pixels[..., 0], pixels[..., 1])
        case "RGB":
            return grey_from_colour(np.asarray(image), name)
        case "RGBA":
            pixels = np.asarray(image)
            return without_transparent(grey_from_colour(pixels[..., :3], name), pixels[..., 3])
        case _:
            return np.asarray(image).astype(_dtype_of(image.mode, name), copy=False)


def _numbers(image: Image.Image, name: str) -> Grey:
    """Return the labels (y, x) of an image with colours or a palette."""
    pixels = np.asarray(image)
    match image.mode:
        case "P":
            return labels_from_palette(pixels, _palette(image), _opaque(image), name)
        case "RGBA":
            return without_transparent(labels_from_colour(pixels[..., :3], name), pixels[..., 3])
        case _:
            return labels_from_colour(pixels, name)


def _palette(image: Image.Image) -> NDArray[np.uint8]:
    return np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)


def _opaque(image: Image.Image) -> NDArray[np.bool_] | None:
    """Return which palette entries are not wholly transparent; a PNG gives one index, or one alpha per entry."""
    match image.info.get("transparency"):
        case bytes() as alphas:
            return np.array([alpha > 0 for alpha in alphas])
        case int() as index:
            return np.array([entry != index for entry in range(index + 1)])
        case _:
            return None


def _dtype_of(mode: str, name: str) -> np.dtype[np.generic]:
    if mode in ("1", "L", "P", "LA", *_COLOUR_MODES):
        return np.dtype(np.uint8)
    if mode in _WIDE_MODES:
        return np.dtype(np.uint16)
    if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        raise ColourImage(f"{name} is a colour picture ({mode}); sections must be grey. Convert it to grey.")
    raise UnsupportedFormat(f"{name} has pixels of kind {mode!r}; grey pixels of 1, 8 or 16 bits are read. Convert it.")


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open by the file's content, never by its name; Pillow's warnings (odd but harmless chunks) are not shown."""
    with held(path) as place, place.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        is_png = PNG.fits(file.read(8), "")
        file.seek(0)
        with decoding(path.name):
            kind: type[ImageFile.ImageFile] = PngImagePlugin.PngImageFile if is_png else JpegImagePlugin.JpegImageFile
            image = kind(file)
        yield image
