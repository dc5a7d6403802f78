"""Texture of a patch's own mitochondria, spread over the whole patch.

A network cannot distinguish shapes with this texture from mitochondria by texture; it has to look at their course.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, find_objects, gaussian_filter
from scipy.ndimage import label as numbered

UINT8 = NDArray[np.uint8]
FLOAT = NDArray[np.float32]

RIM = 4
"""Width in pixels of a mitochondrion's edge that is not used, because it is its membrane."""
SMALLEST_AREA = 120
"""Minimum area in pixels of a mitochondrion whose texture is used."""
LARGEST_SIDE = 160
"""Maximum side in pixels of a mitochondrion whose texture is used."""
GRAIN_SIGMA = 1.0
"""Sigma in pixels of the Gaussian that separates grain from structures."""
LARGEST_GRAIN = 20.0
"""Maximum of grain in grey values; edges are clipped to it."""
COVERS = 2.5
"""Average number of pieces that cover a pixel."""
MOST_PIECES = 1200
"""Maximum number of pieces in a patch."""


def texture_of(image: UINT8, label: UINT8, random: np.random.Generator) -> FLOAT:
    """Return deviations from the mean, float32 (sections, side, side), or the patch's grain if it has no mitochondria.

    image: uint8 (sections, side, side); label: uint8 (side, side), 1 on mitochondria.
    """
    canvas = np.stack([grain_of(plane) for plane in image])
    pieces = _pieces(image, label)
    if not pieces:
        return canvas
    side = label.shape[0]
    mean_area = float(np.mean([cover.sum() for _, cover in pieces]))
    for _ in range(min(MOST_PIECES, int(COVERS * side * side / mean_area))):
        planes, cover = pieces[random.integers(len(pieces))]
        turn = int(random.integers(4))
        planes, cover = np.rot90(planes, turn, axes=(1, 2)), np.rot90(cover, turn)
        if random.random() < 0.5:
            planes, cover = planes[:, :, ::-1], cover[:, ::-1]
        height, width = cover.shape
        top, left = int(random.integers(-height // 2, side)), int(random.integers(-width // 2, side))
        target = canvas[:, max(0, top) : top + height, max(0, left) : left + width]
        first_y, first_x = max(0, -top), max(0, -left)
        window = (slice(first_y, first_y + target.shape[1]), slice(first_x, first_x + target.shape[2]))
        target += (planes[:, *window] - target) * cover[window]
    return canvas


def grain_of(plane: UINT8) -> FLOAT:
    """Return the grain of a section (y, x), which is finer than structures, in grey values: float32 (y, x)."""
    fine = plane - gaussian_filter(plane.astype(np.float32), GRAIN_SIGMA)
    return np.asarray(fine.clip(-LARGEST_GRAIN, LARGEST_GRAIN), np.float32)


def _pieces(image: UINT8, label: UINT8) -> list[tuple[FLOAT, FLOAT]]:
    """Return for each mitochondrion its deviations (sections, y, x) and their weights, 0..1 (y, x)."""
    inner = binary_erosion(label == 1, iterations=RIM)
    parts, _ = numbered(inner)
    pieces = []
    for number, place in enumerate(find_objects(parts), 1):
        own = parts[place] == number
        if own.sum() < SMALLEST_AREA or max(own.shape) > LARGEST_SIDE:
            continue
        planes = image[:, *place].astype(np.float32)
        means = planes[:, own].mean(axis=1)[:, None, None]
        cover = np.where(own, gaussian_filter(own.astype(np.float32), 1.0), 0).astype(np.float32)
        pieces.append((planes - means, cover))
    return pieces
