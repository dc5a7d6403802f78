"""Attributes around an HDF5 dataset: voxel size (ilastik, CREMI, Imaris), axis order, Imaris' padding."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from emstream.errors import UnsupportedFormat
from emstream.readers.hdf5.choice import resolved
from emstream.readers.voxel_units import plausible_voxel_size, unit_nm

_Size = tuple[float, float, float]
_IMARIS_IMAGE = "DataSetInfo/Image"


def hdf5_voxel_size(file: h5py.File, dataset: h5py.Dataset, shape_zyx: tuple[int, int, int]) -> _Size | None:
    """Return the (z, y, x) voxel size in nm from the attributes of the dataset or a group above it.

    In this order: `element_size_um`; `resolution` in nm, or in its `units`; Imaris' extent divided by the shape.
    """
    for place in (dataset, dataset.parent, file):
        size = _element_size(place.attrs) or _resolution(place.attrs)
        if size is not None:
            return size
    if dataset.name.startswith("/DataSet/ResolutionLevel 0/"):
        return _imaris_size(file, shape_zyx)
    return None


def imaris_shape(dataset: h5py.Dataset, shape_zyx: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the shape without Imaris' padding to whole chunks; other datasets' shape as it is."""
    attrs = dataset.parent.attrs
    sizes = [_text(attrs.get(f"ImageSize{axis}")) for axis in "ZYX"]
    if not all(size.isdigit() and int(size) > 0 for size in sizes):
        return shape_zyx
    z, y, x = (min(int(size), length) for size, length in zip(sizes, shape_zyx, strict=True))
    return z, y, x


def check_axis_order(dataset: h5py.Dataset, where: str) -> None:
    """Raise UnsupportedFormat if ilastik's `axistags` say that the axes are not in the order z, y, x."""
    try:
        axes = json.loads(_text(dataset.attrs.get("axistags")) or "{}").get("axes", [])
        keys = [str(axis["key"]) for axis in axes]
    except (ValueError, AttributeError, KeyError, TypeError):
        return
    spatial = "".join(key for key, length in zip(keys, dataset.shape, strict=False) if key in "zyxt" and length > 1)
    if spatial not in ("", "zyx", "yx", "zy", "zx", "z", "y", "x", "tyx"):
        raise UnsupportedFormat(
            f"{where} has its axes in the order {', '.join(spatial)}; z, y, x is read. Export it with the axes zyx."
        )


def _element_size(attrs: Any) -> _Size | None:
    lengths = _three(attrs.get("element_size_um"))
    return plausible_voxel_size(_times(lengths, (1e3, 1e3, 1e3))) if lengths else None


def _resolution(attrs: Any) -> _Size | None:
    lengths = _three(attrs.get("resolution"))
    if lengths is None:
        return None
    units = attrs.get("units", attrs.get("unit"))
    names = ["nm"] if units is None else [_text(unit) for unit in np.atleast_1d(units)]
    factors = [unit_nm(unit) or 0.0 for unit in (names * 3 if len(names) == 1 else names)]
    return plausible_voxel_size(_times(lengths, (factors[0], factors[1], factors[2]))) if len(factors) == 3 else None


def _imaris_size(file: h5py.File, shape_zyx: tuple[int, int, int]) -> _Size | None:
    image = resolved(file, file.filename, _IMARIS_IMAGE)
    if image is None:
        return None
    try:
        unit = unit_nm(_text(image.attrs.get("Unit")) or "um") or 0.0
        sizes = [
            (float(_text(image.attrs[f"ExtMax{i}"])) - float(_text(image.attrs[f"ExtMin{i}"]))) / length * unit
            for i, length in zip((2, 1, 0), shape_zyx, strict=True)
        ]
    except (KeyError, ValueError):
        return None
    return plausible_voxel_size((sizes[0], sizes[1], sizes[2]))


def _three(value: Any) -> _Size | None:
    try:
        numbers = np.asarray(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return None
    return (float(numbers[0]), float(numbers[1]), float(numbers[2])) if numbers.size == 3 else None


def _times(lengths: _Size, factors: _Size) -> _Size:
    return lengths[0] * factors[0], lengths[1] * factors[1], lengths[2] * factors[2]


def _text(value: Any) -> str:
    """Return an attribute as text; Imaris stores text as an array of single characters."""
    if isinstance(value, np.ndarray):
        return b"".join(np.asarray(value, "S").reshape(-1).tolist()).decode("utf-8", "replace")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value if value is not None else "")
