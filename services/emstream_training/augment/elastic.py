"""Smooth deformations of patches, like those of tissue that is cut, dried and irradiated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates

UINT8 = NDArray[np.uint8]
FLOAT = NDArray[np.float32]

ELASTIC_SHARE = 0.2
"""Share of the patches that are deformed: it is the slowest change, and turns and scales vary shapes already."""
NODE_PIXELS = 48
"""Distance in pixels between two nodes of the random field."""
LARGEST_MOVE = 12.0
"""Maximum move of a node in pixels: a quarter of the distance between two, so that nothing folds."""


def deform(image: UINT8, label: UINT8, random: np.random.Generator) -> tuple[UINT8, UINT8]:
    """Return a patch deformed by one smooth random field, the same for all its sections and the label.

    image: uint8 (sections, side, side), interpolated; label: uint8 (side, side), values kept. Beyond the edge the patch
    is mirrored.
    """
    side = label.shape[0]
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    places = np.stack([rows + _field(side, random), columns + _field(side, random)])
    moved = [map_coordinates(plane, places, order=1, mode="mirror") for plane in image]
    return np.stack(moved), np.asarray(map_coordinates(label, places, order=0, mode="mirror"), np.uint8)


def _field(side: int, random: np.random.Generator) -> FLOAT:
    """Return the move of each pixel along one axis in pixels: float32 (side, side)."""
    nodes = side // NODE_PIXELS + 2
    moves = random.uniform(-1, 1, (nodes, nodes)) * random.uniform(0.2, 1) * LARGEST_MOVE
    smooth = Image.fromarray(moves.astype(np.float32)).resize((nodes * NODE_PIXELS,) * 2, Image.Resampling.BICUBIC)
    top, left = random.integers(0, NODE_PIXELS, 2)
    return np.asarray(smooth, np.float32)[top : top + side, left : left + side]
