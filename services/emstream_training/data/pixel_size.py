"""Resampling of stacks to the pixel size that a network is trained at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import TrainingDataUnusable
from emstream.models.checkpoint import MAX_RESCALE, RESCALE_TOLERANCE
from emstream.volume.pyramid import resample
from emstream_training.data.layers import IGNORE
from emstream_training.data.sources import Source

UINT8 = NDArray[np.uint8]


def scale_of(source: Source, wanted_nm: float | None) -> float | None:
    """Return the factor by which a source's sections are enlarged, or None if they are used as they are.

    wanted_nm: the training file's pixel size. Sections within 20 % of it, or of unknown size, are used as they are, as
    in prediction. Raises TrainingDataUnusable for a size so different that it must be a mistake.
    """
    if wanted_nm is None or source.pixel_size_nm is None:
        return None
    ratio = source.pixel_size_nm / wanted_nm
    if 1 - RESCALE_TOLERANCE <= ratio <= 1 + RESCALE_TOLERANCE:
        return None
    if not 1 / MAX_RESCALE <= ratio <= MAX_RESCALE:
        raise TrainingDataUnusable(
            f"{source.images} has pixels of {source.pixel_size_nm:g} nm, more than {MAX_RESCALE:g} times larger or "
            f"smaller than the {wanted_nm:g} nm of the training file: correct one of the two"
        )
    return ratio


def rescaled_image(image: UINT8, scale: float) -> UINT8:
    """Return an image (y, x) uint8 enlarged by `scale`, resampled as in prediction (anti-aliased)."""
    return resample(image, _size(image, scale))


def rescaled_label(label: UINT8, scale: float) -> UINT8:
    """Return labels 0, 1, IGNORE (y, x) uint8 enlarged by `scale`: each pixel has the value of most of its area."""
    height, width = _size(label, scale)
    areas = [
        np.asarray(Image.fromarray((label == value) * np.uint8(255)).resize((width, height), Image.Resampling.BOX))
        for value in (0, 1, IGNORE)
    ]
    most: UINT8 = np.array([0, 1, IGNORE], np.uint8)[np.argmax(areas, axis=0)]
    return most


def _size(plane: UINT8, scale: float) -> tuple[int, int]:
    height, width = (max(1, round(side * scale)) for side in plane.shape)
    return height, width
