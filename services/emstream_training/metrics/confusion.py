"""Agreement of a mask with a truth, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emstream.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of voxels: true and false positives and negatives. Adds up over sections.

    >>> Confusion(hits=8, false_alarms=2, misses=2).f1
    0.8
    """

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0
    rejections: int = 0

    @classmethod
    def of(
        cls, mask: NDArray[np.bool_], truth: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None
    ) -> Confusion:
        """Count over bool arrays of one shape, where `counted` is True (None = everywhere).

        Raises ShapeError if their shapes differ.
        """
        if mask.shape != truth.shape or (counted is not None and counted.shape != truth.shape):
            raise ShapeError(f"mask {mask.shape} and truth {truth.shape} (and counted voxels) must have one shape")
        voxels = mask.size
        if counted is not None:
            mask, truth, voxels = mask & counted, truth & counted, int(np.count_nonzero(counted))
        hits = int(np.count_nonzero(mask & truth))
        marked, true = int(np.count_nonzero(mask)), int(np.count_nonzero(truth))
        return cls(hits, marked - hits, true - hits, voxels - marked - true + hits)

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            self.hits + other.hits,
            self.false_alarms + other.false_alarms,
            self.misses + other.misses,
            self.rejections + other.rejections,
        )

    @property
    def precision(self) -> float:
        """Share of the marked voxels that are structure; 1 if none is marked."""
        marked = self.hits + self.false_alarms
        return self.hits / marked if marked else 1.0

    @property
    def recall(self) -> float:
        """Share of the structure that is marked; 1 if there is none."""
        true = self.hits + self.misses
        return self.hits / true if true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall (= Dice); 1 if both mask and truth are empty."""
        denominator = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / denominator if denominator else 1.0

    @property
    def iou(self) -> float:
        """Intersection over union; 1 if both are empty."""
        union = self.hits + self.false_alarms + self.misses
        return self.hits / union if union else 1.0


def otsu_threshold(histogram: NDArray[np.int64] | int) -> int:
    """Return the grey value that splits a histogram (256 counts) with the greatest variance between its two classes.

    N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9 (1979). Values up to and
    including the threshold are one class.

    >>> otsu_threshold(np.bincount([10, 10, 11, 200, 201], minlength=256)) in range(11, 200)
    True
    """
    counts = np.asarray(histogram, np.float64)
    below = np.cumsum(counts)
    moments = np.cumsum(counts * np.arange(counts.size))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (moments[-1] * below / below[-1] - moments) ** 2 / (below * above)
    return int(np.nanargmax(np.where(np.isfinite(between), between, -1.0)))
