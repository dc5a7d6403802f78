"""Small volumes to be exported, and what a writer is given with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import ExportedVolume
from tests.plans import make_plan

PROVENANCE = Provenance({"emstream": "0", "name": "rat 7", "content": "mask"}, (50.0, 4.0, 8.0), (2, 0, 0))
UNKNOWN_THICKNESS = Provenance({"emstream": "0", "content": "mask"}, (None, 4.0, 4.0), (2, 0, 0))
UNKNOWN_SIZE = Provenance({"emstream": "0", "content": "mask"}, None, (0, 0, 0))


class Counter:
    """Counts the strips that a writer announces."""

    def __init__(self) -> None:
        self.strips = 0

    def __call__(self) -> None:
        self.strips += 1


def exported(voxels: NDArray[Any], name: str = "cells/mask", first: int = 0) -> ExportedVolume:
    """Return an array (z, y, x) or (z, y, x, 3) as an exported volume whose first section is number `first`."""

    def make(z: int, rows: tuple[int, int], level: int) -> NDArray[Any]:
        step = 1 << level
        section = voxels[z - first, ::step, ::step]
        return section[rows[0] : rows[1]]

    plan = make_plan((first + len(voxels), *voxels.shape[1:3]), 32)
    sections = range(first, first + len(voxels))
    return ExportedVolume(name, "255 = cells", voxels.dtype, voxels.ndim == 4, sections, plan, make)


def some_mask(shape: tuple[int, int, int] = (2, 520, 30)) -> NDArray[np.uint8]:
    return np.where(np.random.default_rng(0).random(shape) < 0.3, np.uint8(255), np.uint8(0))


def some_labels(shape: tuple[int, int, int] = (2, 520, 30), most: int = 70_000) -> NDArray[np.uint32]:
    return np.random.default_rng(1).integers(0, most, shape, dtype=np.uint32)


def some_colours() -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 255, (2, 20, 30, 3), dtype=np.uint8)
