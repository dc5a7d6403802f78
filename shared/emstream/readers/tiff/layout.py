"""Layout of the stack in a TIFF file: its z axis, the meaning of a page's samples, and the place of its bytes.

Only headers are read: nothing is decoded here, and every claim is compared with the bytes of the file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream.errors import ColourImage, DamagedFile, MixedSizes, UnsupportedFormat
from emstream.readers.grey import (
    COLOUR_LABELS,
    full_range,
    grey_from_colour,
    grey_from_palette,
    inverted,
    labels_from_colour,
    labels_from_palette,
    without_transparent,
)
from emstream.readers.limits import ANY_RATIO, DEFLATE_RATIO, check_claim, check_depth, check_memory
from emstream.readers.stack import Grey
from emstream.readers.uncompressed import PlainVoxels

_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_ALPHAS = (1, 2)  # ExtraSamples: associated, unassociated
_UNCOMPRESSED, _LZW, _PACKBITS = 1, 5, 32773
_RATIOS = {_UNCOMPRESSED: 2, _LZW: 2000, _PACKBITS: 130, 6: DEFLATE_RATIO, 7: DEFLATE_RATIO, 8: DEFLATE_RATIO}
_AXIS_NAMES = {"C": "channels", "T": "time points", "S": "samples", "Z": "z planes"}
MOST_CHANNELS = 7
"""Maximum number of channels or time points that a picture has (ImageJ shows 7 together); more of them are sections."""
_AS_Z = "ZIQ"  # z; "image" and "unknown" are how plain multi-page files come
_PAGE_AXES = ("YX", "YXS", "SYX")


@dataclass(frozen=True, slots=True)
class TiffLayout:
    """A TIFF stack before decoding.

    stored: the dtype of a page's samples, of which `bits` are used; samples: per pixel; is_planar: axes are (s, y, x).
    plain: set where all voxels are uncompressed, one after another. are_labels: values are numbers, not grey.
    has_planes: sections are the planes of one page. notes: sentences on choices that were made.
    """

    kind: str
    shape_zyx: tuple[int, int, int]
    stored: np.dtype[np.generic]
    bits: int
    samples: int
    is_planar: bool
    photometric: int
    has_alpha: bool
    plain: PlainVoxels | None
    are_labels: bool = False
    has_planes: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_colour(self) -> bool:
        """Whether pixels must pass the rule for colour."""
        return not self.are_labels and self.photometric in (_RGB, _YCBCR, _PALETTE)

    @property
    def is_inverted(self) -> bool:
        """Whether the smallest value means white. An inverting LUT on labels of whole bytes only displays them."""
        return self.photometric == _MINISWHITE and not (self.are_labels and self.bits >= 8)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Return the dtype of the grey values, or labels, delivered."""
        if self.are_labels and self.samples >= 3:
            return COLOUR_LABELS
        if self.are_labels and self.photometric == _PALETTE:
            return self.stored.newbyteorder("=")
        if self.bits < 8 or self.photometric == _PALETTE:
            return np.dtype(np.uint8)
        if self.stored.kind == "f" and self.stored.itemsize == 2:
            return np.dtype(np.float32)
        return self.stored.newbyteorder("=")

    def grey(self, values: Grey, palette: Grey | None, name: str) -> Grey:
        """Return grey (y, x) of one decoded page (y, x), (y, x, s) or (s, y, x). Raises ColourImage."""
        if self.is_planar:
            values = np.moveaxis(values, 0, -1)
        if self.photometric == _PALETTE and palette is not None:
            colours = _eight_bits(palette).T
            if self.are_labels:
                return labels_from_palette(values.astype(np.uint16), colours, None, name).astype(self.dtype, copy=False)
            return grey_from_palette(values.astype(np.uint16), colours, None, name)
        alpha = values[..., -1] if self.has_alpha else None
        if self.samples >= 3:
            colour = values[..., :3]
            values = labels_from_colour(colour, name) if self.are_labels else grey_from_colour(colour, name)
        elif self.samples == 2:
            values = values[..., 0]
        if self.is_inverted:
            values = inverted(values, self.bits)
        values = full_range(values, self.bits)
        if alpha is not None:
            values = without_transparent(values, alpha)
        return values.astype(self.dtype, copy=False)

    def of_planes(self, name: str) -> TiffLayout:
        """Return the layout by which the planes of the only page, marked as colours, are sections."""
        _, height, width = self.shape_zyx
        note = (
            f"{name} marks {self.samples} planes as colours, and they differ as sections do: they were read as "
            f"{self.samples} sections. If it is a colour picture, convert it to grey."
        )
        return replace(
            self,
            shape_zyx=(self.samples, height, width),
            samples=1,
            is_planar=False,
            photometric=_MINISBLACK,
            has_alpha=False,
            plain=self.plain and replace(self.plain, sections=self.samples, section_shape=(height, width)),
            has_planes=True,
            notes=(*self.notes, note),
        )


def _eight_bits(palette: Grey) -> NDArray[np.uint8]:
    """Return a palette as uint8; some writers leave 8 bits where TIFF has 16, as libtiff knows, too."""
    colours = palette.astype(np.uint16)
    return (colours // 256 if colours.max(initial=0) > 255 else colours).astype(np.uint8)


def read_layout(path: Path, series: Any, are_labels: bool = False) -> TiffLayout:
    """Return the layout of tifffile's series. Raises an InputUnreadable that says why it cannot be read as a stack."""
    page = series.keyframe
    name = path.name
    _check_page(name, page, are_labels)
    depth, notes = _depth(name, series)
    height, width = int(page.imagelength), int(page.imagewidth)
    _check_sizes(name, series, page)
    plain = None
    if series.dataoffset is not None and page.is_final and page.axes != "SYX" and page.bitspersample in (8, 16, 32, 64):
        stored = np.dtype(page.dtype).newbyteorder(series.parent.byteorder)
        plain = PlainVoxels(path, int(series.dataoffset), stored, depth, tuple(page.shape))
        plain.check_length()
    else:
        _check_segments(path, series, depth)
        check_memory(name, _decoded_bytes(page), path.stat().st_size)
    return TiffLayout(
        kind=str(series.kind),
        shape_zyx=(depth, height, width),
        stored=np.dtype(page.dtype),
        bits=int(page.bitspersample),
        samples=int(page.samplesperpixel),
        is_planar=page.axes == "SYX",
        photometric=int(page.photometric),
        has_alpha=_has_alpha(page),
        plain=plain,
        are_labels=are_labels,
        notes=notes,
    )


def check_one_size(name: str, series: Iterable[Any]) -> None:
    """Raise MixedSizes if a plain multi-page file has full pages of another size than its first."""
    first, *others = series
    for other in others:
        page = other.keyframe
        is_preview = page.is_reduced or page.is_mask
        if other.kind in ("generic", "uniform") and not is_preview and page.shape != first.keyframe.shape:
            raise MixedSizes(
                f"{name}: page 1 has {_size(first.keyframe)} pixels and page {int(page.index) + 1} has {_size(page)} "
                f"({page.dtype}, first page {first.keyframe.dtype}); all sections must have one size. "
                "Crop or pad them to one size."
            )


def _size(page: Any) -> str:
    return " x ".join(str(length) for length in reversed(page.shape[:2]))


def _check_page(name: str, page: Any, are_labels: bool) -> None:
    """Raise if a page's pixels are not grey values, or colours that may be grey."""
    is_wide = page.dtype is not None and np.dtype(page.dtype).str[1:] in ("u8", "i8")
    if page.dtype is None or np.dtype(page.dtype).kind not in "buif" or (is_wide and not are_labels):
        raise UnsupportedFormat(
            f"{name} has pixels of type {page.dtype or f'{page.bitspersample} bits'}; integers of 1 to 32 bits and "
            "floats of 16 to 64 bits are read. Convert it."
        )
    if page.axes not in _PAGE_AXES:
        raise UnsupportedFormat(f"{name} stores volumes inside its pages ({page.axes}); store one section per page.")
    samples, photometric = int(page.samplesperpixel), int(page.photometric)
    if photometric in (_RGB, _YCBCR):
        if samples not in (3, 4):
            raise ColourImage(f"{name} has {samples} samples per pixel; grey, or RGB that is grey, is read. Convert.")
    elif photometric not in (_MINISWHITE, _MINISBLACK, _PALETTE):
        raise ColourImage(f"{name} has pixels of photometric kind {photometric}; sections must be grey. Convert it.")
    elif samples > 1 and not (samples == 2 and _has_alpha(page)):
        raise UnsupportedFormat(f"{name} has {samples} channels; one is read. Save one channel by itself.")


def _has_alpha(page: Any) -> bool:
    samples = int(page.samplesperpixel)
    extra = tuple(int(value) for value in page.extrasamples)
    return samples in (2, 4) and len(extra) == 1 and extra[0] in _ALPHAS


def _depth(name: str, series: Any) -> tuple[int, tuple[str, ...]]:
    """Return the number of sections: the one outer axis that is longer than 1 and may be z; and notes."""
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    outer = {
        axis: int(length) for axis, length in zip(axes, shape, strict=True) if axis not in "YXS" and int(length) != 1
    }
    if not outer:
        return 1, ()
    axis, length = next(iter(outer.items()))
    check_depth(name, length)
    if len(outer) == 1 and axis in _AS_Z:
        return length, ()
    if len(outer) == 1 and axis in "CT" and length > MOST_CHANNELS:
        return length, (f"{name} has {length} {_AXIS_NAMES[axis]} and no z: they were read as sections.",)
    found = ", ".join(f"{n} {_AXIS_NAMES.get(a, f'planes of axis {a}')}" for a, n in outer.items())
    raise UnsupportedFormat(
        f"{name} has {found}; a stack has one axis besides y and x, and it must be z. Save one channel at one "
        "time point; if these are sections, set slices to their number (Fiji: Image > Properties)."
    )


def _check_sizes(name: str, series: Any, page: Any) -> None:
    """Compare the claimed section, and the tile that has to be decoded for it, with the bytes stored for the first."""
    samples = int(page.samplesperpixel)
    bits = int(page.bitspersample) * samples
    stored = sum(page.databytecounts)
    ratio = _RATIOS.get(int(page.compression), DEFLATE_RATIO if int(page.compression) == 32946 else ANY_RATIO)
    width, height = int(page.imagewidth), int(page.imagelength)
    check_claim(name, width, height, width * height * bits // 8, stored, ratio)
    if page.is_tiled:
        tile_width, tile_height = int(page.tilewidth), int(page.tilelength)
        check_claim(name, tile_width, tile_height, tile_width * tile_height * bits // 8, stored, ratio)


def _decoded_bytes(page: Any) -> int:
    """Return the memory that decoding a page takes: its samples twice, and a tile twice."""
    pixels = int(page.imagewidth) * int(page.imagelength)
    if page.is_tiled:
        pixels += int(page.tilewidth) * int(page.tilelength)
    return 2 * pixels * int(page.samplesperpixel) * int(np.dtype(page.dtype).itemsize)


def _check_segments(path: Path, series: Any, depth: int) -> None:
    """Raise DamagedFile if a page, strip or tile is missing or ends beyond the file."""
    size = path.stat().st_size
    pages = series.pages
    if len(pages) != depth or any(page is None for page in pages):
        found = sum(page is not None for page in pages)
        raise DamagedFile(f"{path.name} is truncated: it promises {depth} sections and holds {found}. Copy it again.")
    expected = math.prod(series.keyframe.chunked)
    for z, page in enumerate(pages):
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        is_sparse = any(count <= 0 for count in page.databytecounts)
        if len(ends) < expected or is_sparse or max(ends) > size:
            raise DamagedFile(
                f"{path.name} is truncated or damaged: the pixels of section {z + 1} (page {z + 1}) are not inside its "
                f"{size} bytes. Copy or export it again."
            )
