"""Values of options that are written as text: voxel sizes, regions, ranges, sizes, named files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emstream.errors import UsageError, WrongVoxelSize
from emstream.jobs.record import Region
from emstream.volume.voxel_size import KnownSize, doubt_about

SMALLEST_SIDE, LARGEST_SIDE = 64, 32768
"""Smallest and largest side, in pixels, of the sections that a report times."""
LARGEST_NM = 1e6
"""Lengths of a voxel are below it: 1 mm."""


def parse_scale(voxel_size: str | None, pixel_size: str | None, section_thickness: float | None) -> dict[str, object]:
    """Return the fields of a request that say the voxel size: what is not given is the input's own.

    Raises UsageError saying how to write it, WrongVoxelSize for pixels that must be confirmed.

    >>> parse_scale(None, "5.9", 40)
    {'voxel_size_nm': (40, 5.9, 5.9), 'unequal_pixels': False}
    """
    if section_thickness is not None and not 0 < section_thickness < LARGEST_NM:
        raise UsageError(f"--section-thickness must be a length in nanometres such as 40, got {section_thickness:g}")
    if voxel_size is not None:
        if pixel_size is not None or section_thickness is not None:
            raise UsageError("give --voxel-size Z,Y,X, or --pixel-size and --section-thickness, not both")
        size = parse_voxel_size(voxel_size)
        doubt = doubt_about(size)
        if doubt:
            raise WrongVoxelSize(f"--voxel-size: {doubt}")
        return {"voxel_size_nm": size, "unequal_pixels": False}
    if pixel_size is None and section_thickness is None:
        return {"voxel_size_nm": None, "unequal_pixels": False}
    y, x = (None, None) if pixel_size is None else parse_pixel_size(pixel_size)
    return {"voxel_size_nm": (section_thickness, y, x), "unequal_pixels": "," in (pixel_size or "")}


def parse_pixel_size(text: str) -> tuple[float, float]:
    """Return (y, x) nm. Raises UsageError saying how to write it.

    >>> parse_pixel_size("5.9"), parse_pixel_size("5,8")
    ((5.9, 5.9), (5.0, 8.0))
    """
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) not in (1, 2) or not all(0 < edge < LARGEST_NM for edge in edges):
        raise UsageError(
            f"--pixel-size must be a length in nanometres such as 5.9, or two, Y,X, for pixels that are not square, "
            f"got {text!r}"
        )
    return edges[0], edges[-1]


def parse_voxel_size(text: str) -> KnownSize:
    """Return (z, y, x) nm. Raises UsageError saying how to write it.

    >>> parse_voxel_size("50,5.5,5.5")
    (50.0, 5.5, 5.5)
    """
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--voxel-size must be three numbers Z,Y,X in nanometres such as 50,5.5,5.5, got {text!r}"
        ) from None
    if not all(0 < v < LARGEST_NM for v in (z, y, x)):
        raise UsageError(f"--voxel-size must be three positive lengths below 1 mm, got {text!r}")
    return z, y, x


def parse_region(text: str | None) -> Region | None:
    """Return start and stop, each (z, y, x). Raises UsageError saying how to write it.

    >>> parse_region("0:5,1000:2024,0:1024")
    ((0, 1000, 0), (5, 2024, 1024))
    """
    if text is None:
        return None
    try:
        (z0, z1), (y0, y1), (x0, x1) = (map(int, part.split(":")) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--region must be three ranges of voxels Z:Z,Y:Y,X:X such as 0:5,1000:2024,0:1024, got {text!r}"
        ) from None
    return (z0, y0, x0), (z1, y1, x1)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Return sides in pixels, in order. Raises UsageError saying how to write them.

    >>> parse_sizes("1024,2048")
    (1024, 2048)
    """
    try:
        sides = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise UsageError(f"--sizes must be whole numbers such as 1024,2048,4096, got {text!r}") from None
    if not all(SMALLEST_SIDE <= side <= LARGEST_SIDE for side in sides):
        raise UsageError(f"--sizes must be from {SMALLEST_SIDE} to {LARGEST_SIDE} pixels, got {text!r}")
    return sides


def parse_compared(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Return files by name. Raises UsageError saying how to write it.

    >>> parse_compared(["DeepEM3D=a.onnx", "DeepEM3D=b.onnx"])
    {'DeepEM3D': [PosixPath('a.onnx'), PosixPath('b.onnx')]}
    """
    compared: dict[str, list[Path]] = {}
    for text in texts:
        name, sign, file = text.partition("=")
        if not (name and sign and file):
            raise UsageError(f"--compare must be NAME=FILE such as DeepEM3D=deepem3d.onnx, got {text!r}")
        compared.setdefault(name, []).append(Path(file))
    return compared


def parse_sections(text: str | None) -> tuple[int, int] | None:
    """Return the index z of the first section, and the one past the last. Raises UsageError saying how to write it.

    >>> parse_sections("0:10")
    (0, 10)
    """
    if text is None:
        return None
    try:
        first, stop = (int(part) for part in text.split(":"))
    except ValueError:
        raise UsageError(
            f"--z must be two numbers such as 0:10 for the first ten sections (10 is excluded), got {text!r}"
        ) from None
    return first, stop


def parse_shape(text: str) -> tuple[int, int, int]:
    """Return a shape (z, y, x). Raises UsageError saying how to write it.

    >>> parse_shape("8,1500,1300")
    (8, 1500, 1300)
    """
    try:
        depth, height, width = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--shape must be three whole numbers Z,Y,X such as 8,1500,1300, got {text!r}") from None
    return depth, height, width
