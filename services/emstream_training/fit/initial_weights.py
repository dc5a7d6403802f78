"""Initial weights from another network: of more or fewer sections, coarser pixels, or another structure."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

logger = logging.getLogger(__name__)


def fitting_weights(known: Mapping[str, NDArray[np.generic]], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights `wanted`, replaced by those of `known` where they fit.

    known: arrays by state_dict name, as a checkpoint holds them. A convolution over another number of sections is
    centred: missing neighbours start at zero, and surplus neighbours are added to the middle. A convolution over means
    of blocks, when each pixel of a block becomes a channel, starts with equal weights for all of them. Weights that do
    not fit stay as they are, and their names are logged (except counters of batches, which no checkpoint has).
    """
    found, kept = {}, []
    for name, own in wanted.items():
        given = known.get(name)
        fitted = None if given is None else _fit(np.asarray(given), tuple(own.shape))
        if fitted is None and not name.endswith("num_batches_tracked"):
            kept.append(name)
        found[name] = own if fitted is None else torch.from_numpy(fitted.copy())
    if kept:
        logger.warning("weights that start at random", extra={"names": kept})
    return found


def _fit(given: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic] | None:
    if given.shape == shape:
        return given
    counts = given.shape[1:2] + shape[1:2]
    is_other_only_in_input = len(shape) == 4 and given.shape[:1] + given.shape[2:] == shape[:1] + shape[2:]
    if not is_other_only_in_input or any(count not in _INPUTS for count in counts):
        return None
    (many, pixels), (wanted, wanted_pixels) = (_INPUTS[count] for count in counts)
    if pixels not in (1, wanted_pixels):
        return None
    blocks = given.reshape(len(given), many, pixels, *shape[2:])
    if pixels < wanted_pixels:  # the mean of a block is the same as all its pixels with equal weights
        blocks = np.repeat(blocks.astype(np.float32) / wanted_pixels, wanted_pixels, axis=2)
    return _over_sections(blocks, wanted).reshape(shape)


def _over_sections(given: NDArray[np.generic], wanted: int) -> NDArray[np.generic]:
    """Return weights (channel, section, ...) over another number of sections."""
    many = given.shape[1]
    if wanted >= many:
        missing = (wanted - many) // 2
        return np.pad(given, [(0, 0), (missing, missing), *[(0, 0)] * (given.ndim - 2)])
    surplus = (many - wanted) // 2
    middle = given[:, surplus : surplus + wanted].copy()
    middle[:, wanted // 2] = given.sum(axis=1) - middle.sum(axis=1) + middle[:, wanted // 2]
    return middle


_INPUTS = {sections * side**2: (sections, side**2) for sections in (1, 3, 5) for side in (1, 2, 4)}
"""Number of input channels -> (sections, pixels of a block that have channels of their own)."""
