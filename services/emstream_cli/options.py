"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import typer

from emstream.errors import UsageError
from emstream.jobs.record import Region, Voxel

SMALLEST_SIDE, LARGEST_SIDE = 64, 32768
"""Smallest and largest side, in pixels, of the sections that can be timed."""


class QualityName(StrEnum):
    """The recipes' qualities."""

    FAST = "fast"
    BALANCED = "balanced"
    ACCURATE = "accurate"


class HaloName(StrEnum):
    """The halo's modes."""

    FAST = "fast"
    EXACT = "exact"


OBJECT = typer.Option(
    None, "--object", help="What to find; may be repeated; all: everything `models` lists. Default: mitochondria."
)
QUALITY = typer.Option(QualityName.BALANCED, help="fast: 1 variant, balanced: 4, accurate: 16.")
CHECKPOINT = typer.Option(None, "--checkpoint", help="Your own checkpoint; may be repeated to average several.")
VOXEL_SIZE = typer.Option(None, "--voxel-size", metavar="Z,Y,X", help="Voxel size in nanometres, over the input's own.")
DATASET = typer.Option(None, help="Data set inside an HDF5 file, e.g. /volumes/raw.")
REGION = typer.Option(None, metavar="Z:Z,Y:Y,X:X", help="Only a part, e.g. 0:5,1000:2024,0:1024 (stop excluded).")
CONTRAST_STRETCH = typer.Option(
    False, "--contrast-stretch", help="Stretch 8-bit grey values, too: for stacks of low contrast."
)
MEASURE = typer.Option(True, "--measure/--no-measure", help="Number and measure the objects.")
MIN_VOXELS = typer.Option(64, "--min-voxels", min=1, help="Smaller objects are not counted; the mask keeps them.")
SPLIT_TOUCHING = typer.Option(False, "--split-touching", help="Cut objects that touch where they are narrow.")
VERBOSE = typer.Option(False, "--verbose", help="Log what happens.")


def parse_voxel_size(text: str | None) -> Voxel | None:
    """Return (z, y, x) nm. Raises UsageError saying how to write it.

    >>> parse_voxel_size("50,5.5,5.5")
    (50.0, 5.5, 5.5)
    """
    if text is None:
        return None
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--voxel-size must be three numbers Z,Y,X in nanometres such as 50,5.5,5.5, got {text!r}"
        ) from None
    if not all(0 < v < 1e6 for v in (z, y, x)):
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
