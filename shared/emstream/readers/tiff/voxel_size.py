"""The voxel size of a TIFF file: OME's physical sizes, ImageJ's resolution and spacing, or plain resolution tags."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from emstream.volume.voxel_size import VoxelSize, plausible_voxel_size, unit_nm

_LARGEST_PRINTED_NM = 10_000.0
"""Resolutions per inch or cm are mostly for printers: 72 to 2400 dpi is 350 to 10.6 µm, larger than any EM pixel."""
_PRINT_UNITS = {2: "inch", 3: "cm"}
_MICROMETRES = "µm"  # OME's default unit


def tiff_voxel_size(tif: Any, page: Any) -> VoxelSize | None:
    """Return the (z, y, x) voxel size in nm; z None if unknown; None if there is none to believe."""
    if tif.is_ome:
        return _ome_size(tif.ome_metadata)
    size = _imagej_size(tif.imagej_metadata, page) if tif.is_imagej else None
    return size or _microscope_size(tif) or _printed_size(page)


def _microscope_size(tif: Any) -> VoxelSize | None:
    """Return the pixel size by the tags of Zeiss (AP_IMAGE_PIXEL_SIZE), FEI (Scan) or Olympus; they have no z."""
    try:
        if tif.is_sem:
            _, length, unit = tif.sem_metadata["ap_image_pixel_size"]
            return _square(float(length) * (unit_nm(str(unit)) or 0.0))
        if tif.is_fei:
            scan = next(tif.fei_metadata[name] for name in ("Scan", "EScan", "IScan") if name in tif.fei_metadata)
            return plausible_voxel_size((None, float(scan["PixelHeight"]) * 1e9, float(scan["PixelWidth"]) * 1e9))
        if tif.is_sis:
            sizes = tif.sis_metadata
            return plausible_voxel_size((None, float(sizes["pixelsizey"]) * 1e9, float(sizes["pixelsizex"]) * 1e9))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration):
        return None  # the tag has no size, or not as its program writes it
    return None


def _square(length_nm: float) -> VoxelSize | None:
    return plausible_voxel_size((None, length_nm, length_nm))


def _ome_size(xml: str) -> VoxelSize | None:
    pixels = next((element for element in ElementTree.fromstring(xml).iter() if element.tag.endswith("Pixels")), None)
    if pixels is None:
        return None
    names = [f"PhysicalSize{axis}" for axis in "ZYX"]
    z, y, x = (_length_nm(pixels.get(name), pixels.get(f"{name}Unit", _MICROMETRES)) for name in names)
    return plausible_voxel_size((z, y, x))


def _imagej_size(metadata: dict[str, Any], page: Any) -> VoxelSize | None:
    unit = str(metadata.get("unit", ""))
    y, x = _pixel_lengths(page)
    factor = unit_nm(unit)
    if factor is None:
        return None
    z = _length_nm(metadata.get("spacing"), str(metadata.get("zunit", unit)))
    size = plausible_voxel_size((z, y * factor, x * factor))
    is_printed = unit.lower() in _PRINT_UNITS.values()
    return plausible_voxel_size(size, _LARGEST_PRINTED_NM) if size and is_printed else size


def _printed_size(page: Any) -> VoxelSize | None:
    tag = page.tags.get("ResolutionUnit")
    number = int(_number(tag.value)) if tag is not None else 2
    factor = unit_nm(_PRINT_UNITS.get(number, ""))
    if factor is None:
        return None
    y, x = _pixel_lengths(page)
    return plausible_voxel_size((None, y * factor, x * factor), _LARGEST_PRINTED_NM)


def _pixel_lengths(page: Any) -> tuple[float, float]:
    """Return the length of a pixel (y, x) in the resolution's unit, 0 if unknown."""
    y, x = (_reciprocal(page.tags.get(name)) for name in ("YResolution", "XResolution"))
    return y, x


def _reciprocal(tag: Any) -> float:
    if tag is None:
        return 0.0
    pixels = _number(tag.value)
    return 1.0 / pixels if pixels > 0 else 0.0


def _number(value: Any) -> float:
    """Return the number of a tag: a fraction as TIFF has it, or an integer or float as some writers do; 0 if none."""
    try:
        numerator, denominator = value if isinstance(value, tuple) else (value, 1)
        return float(numerator) / float(denominator)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0


def _length_nm(value: Any, unit: str) -> float:
    """Return a length in nm, 0 if it is unknown."""
    try:
        return float(value) * (unit_nm(unit) or 0.0)
    except (TypeError, ValueError):
        return 0.0
