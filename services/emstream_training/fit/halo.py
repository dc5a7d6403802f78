"""The halo that a checkpoint stores: the context that a trained network really uses."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

CORE = 512
"""Side of a core in pixels; smaller than in prediction (1024), so that sections have twice as many seams."""
LARGEST_SHARE = 1e-4
"""Maximum share of pixels in which a mask made from tiles may differ from the mask of the whole section."""


@torch.no_grad()
def fast_halo(
    network: nn.Module, windows: list[NDArray[np.uint8]], alignment: int, exact: int, threshold: float
) -> int:
    """Return the smallest multiple of the alignment whose masks differ from the whole ones in < 1e-4 of the pixels.

    network: windows (1, sections, y, x) uint8 -> probabilities (1, 1, y, x). windows: whole sections with their
    neighbours, sides multiples of the alignment. exact: the halo beyond which nothing changes; the result if no window
    is larger than a core, since there is no seam to measure.
    """
    if all(max(w.shape[1:]) <= CORE for w in windows):
        return exact
    wholes = [_mask(network, w, threshold) for w in windows]
    for halo in range(alignment, exact, alignment):
        pairs = zip(windows, wholes, strict=True)
        flips = sum(int(np.count_nonzero(_tiled(network, w, halo, threshold) != whole)) for w, whole in pairs)
        if flips < LARGEST_SHARE * sum(whole.size for whole in wholes):
            return halo
    return exact


def _mask(network: nn.Module, window: NDArray[np.uint8], threshold: float) -> NDArray[np.bool_]:
    probabilities = network(torch.from_numpy(np.ascontiguousarray(window))[None])[0, 0].numpy()
    return np.asarray(probabilities >= threshold)


def _tiled(network: nn.Module, window: NDArray[np.uint8], halo: int, threshold: float) -> NDArray[np.bool_]:
    _, height, width = window.shape
    side_y, side_x = min(CORE + 2 * halo, height), min(CORE + 2 * halo, width)
    mask = np.zeros((height, width), bool)
    for y in range(0, height, CORE):
        for x in range(0, width, CORE):
            top = min(max(y - halo, 0), height - side_y)
            left = min(max(x - halo, 0), width - side_x)
            found = _mask(network, window[:, top : top + side_y, left : left + side_x], threshold)
            core = found[y - top : y - top + CORE, x - left : x - left + CORE]
            mask[y : y + CORE, x : x + CORE] = core
    return mask
