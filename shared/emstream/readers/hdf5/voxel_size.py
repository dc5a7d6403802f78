"""Attributes around an HDF5 dataset: voxel size (ilastik, CREMI, Imaris) and Imaris' padding."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from emstream.readers.hdf5.choice import as_text, axis_tags, resolved
from emstream.volume.voxel_size import KnownSize, VoxelSize, are_unequal, plausible_voxel_size, unit_nm, voxel_in_words

_IMARIS_IMAGE = "DataSetInfo/Image"


def hdf5_voxel_size(
    file: h5py.File, dataset: h5py.Dataset, shape_zyx: tuple[int, int, int]
) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return the (z, y, x) voxel size in nm from the attributes of the dataset or a group above it, and warnings.

    In this order: ilastik's `axistags` with `axis_units`; `element_size_um`; `resolution` in nm, or in its `units`;
    emstream's own `pixel_size_nm` (y, x); Imaris' extent divided by the shape.
    """
    tagged = _tagged_size(dataset)
    if tagged is not None:
        return tagged, ()
    for place in (dataset, dataset.parent, file):
        size = _element_size(place.attrs) or _resolution(place.attrs) or _pixel_size(place.attrs)
        if size is not None:
            return _in_order(size, shape_zyx, dataset.name)
    if dataset.name.startswith("/DataSet/ResolutionLevel 0/"):
        return _imaris_size(file, shape_zyx), ()
    return None, ()


def _in_order(size: VoxelSize, shape_zyx: tuple[int, int, int], name: str) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return a size written as x, y, z (as Java's programs do) as z, y, x, with a warning.

    Only where the pixels are square that way alone, and the first axis is the shortest: in a stack turned over, which
    has the sections last, the attributes are in its own order.
    """
    z, y, x = size
    if z is None or not are_unequal(y, x) or are_unequal(z, y) or shape_zyx[0] > min(shape_zyx[1:]):
        return size, ()
    turned = x, y, z
    warning = (
        f"the voxel size of {name} is stated as {z:g}, {y:g}, {x:g} nm, which makes sense as x, y, z only: read as "
        f"{voxel_in_words(turned)}. Give another with --pixel-size and --section-thickness if that is wrong"
    )
    return turned, (warning,)


def imaris_shape(dataset: h5py.Dataset, shape_zyx: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the shape without Imaris' padding to whole chunks; other datasets' shape as it is."""
    attrs = dataset.parent.attrs
    sizes = [as_text(attrs.get(f"ImageSize{axis}")) for axis in "ZYX"]
    if not all(size.isdigit() and int(size) > 0 for size in sizes):
        return shape_zyx
    z, y, x = (min(int(size), length) for size, length in zip(sizes, shape_zyx, strict=True))
    return z, y, x


def _tagged_size(dataset: h5py.Dataset) -> VoxelSize | None:
    """Return the size by the `resolution` of ilastik's axistags, in its `axis_units`; without units it is not known."""
    try:
        lengths = {str(tag["key"]): float(tag.get("resolution", 0)) for tag in axis_tags(dataset)}
        units = json.loads(as_text(dataset.attrs.get("axis_units")) or "{}")
        z, y, x = (lengths.get(axis, 0.0) * (unit_nm(str(units.get(axis, ""))) or 0.0) for axis in "zyx")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return plausible_voxel_size((z, y, x))


def _element_size(attrs: Any) -> VoxelSize | None:
    lengths = _three(attrs.get("element_size_um"))
    return plausible_voxel_size(_times(lengths, (1e3, 1e3, 1e3))) if lengths else None


def _resolution(attrs: Any) -> VoxelSize | None:
    lengths = _three(attrs.get("resolution"))
    if lengths is None:
        return None
    units = attrs.get("units", attrs.get("unit"))
    names = ["nm"] if units is None else [as_text(unit) for unit in np.atleast_1d(units)]
    factors = [unit_nm(unit) or 0.0 for unit in (names * 3 if len(names) == 1 else names)]
    return plausible_voxel_size(_times(lengths, (factors[0], factors[1], factors[2]))) if len(factors) == 3 else None


def _pixel_size(attrs: Any) -> VoxelSize | None:
    lengths = _numbers(attrs.get("pixel_size_nm"))
    return plausible_voxel_size((None, lengths[0], lengths[1])) if len(lengths) == 2 else None


def _imaris_size(file: h5py.File, shape_zyx: tuple[int, int, int]) -> VoxelSize | None:
    image = resolved(file, file.filename, _IMARIS_IMAGE)
    if image is None:
        return None
    try:
        unit = unit_nm(as_text(image.attrs.get("Unit")) or "um") or 0.0
        sizes = [
            (float(as_text(image.attrs[f"ExtMax{i}"])) - float(as_text(image.attrs[f"ExtMin{i}"]))) / length * unit
            for i, length in zip((2, 1, 0), shape_zyx, strict=True)
        ]
    except (KeyError, ValueError):
        return None
    return plausible_voxel_size((sizes[0], sizes[1], sizes[2]))


def _three(value: Any) -> KnownSize | None:
    lengths = _numbers(value)
    return (lengths[0], lengths[1], lengths[2]) if len(lengths) == 3 else None


def _numbers(value: Any) -> list[float]:
    """Return the numbers of an attribute, none if it is not of numbers."""
    try:
        return [float(number) for number in np.asarray(value, np.float64).reshape(-1)] if value is not None else []
    except (TypeError, ValueError):
        return []


def _times(lengths: KnownSize, factors: KnownSize) -> KnownSize:
    return lengths[0] * factors[0], lengths[1] * factors[1], lengths[2] * factors[2]
