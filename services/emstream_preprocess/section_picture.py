"""A small picture of one section, to choose a region on before a job is started."""

from __future__ import annotations

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.readers.stack import StackReader

MOST_SIDE = 640
STRETCH_PERCENTILES = (0.5, 99.5)
"""The picture is for finding one's way: other grey values than the network's are no harm, pale stacks would be."""


def draw_section(reader: StackReader, z_index: int) -> bytes:
    """Return section `z_index` as an 8-bit grey PNG whose longer side is at most 640, each pixel the mean of a square.

    Largest array: the rows that the reader gives at once. Raises what reading raises.
    """
    _, height, width = reader.facts.shape_zyx
    step = -(-max(height, width) // MOST_SIDE)
    sums = np.zeros((-(-height // step), -(-width // step)), np.float32)
    for rows in reader.blocks(z_index, z_index + 1):
        across = np.add.reduceat(rows.values[0], np.arange(0, width, step), axis=1, dtype=np.float32)
        np.add.at(sums, (rows.y + np.arange(len(across))) // step, across)
    counts = np.outer(_counts(height, step), _counts(width, step))
    return bytes(imagecodecs.png_encode(_stretched(np.nan_to_num(sums / counts)), level=6))


def _counts(length: int, step: int) -> NDArray[np.float32]:
    """Return how many pixels of a side fall into each step; the last one may have fewer."""
    return np.minimum(step, length - np.arange(0, length, step)).astype(np.float32)


def _stretched(means: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(means, STRETCH_PERCENTILES)
    scaled = (means - low) * (255 / max(float(high - low), 1e-6))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)
