"""Agreement of probabilities with a truth at every threshold, from two histograms of 256 levels.

Probabilities are uint8, so there are 256 thresholds: the counts of each level among positive and among negative voxels
are sufficient for precision, recall and average precision. Exact, of constant size, summed over sections.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emstream.errors import ShapeError
from emstream_training.metrics.confusion import Confusion

LEVELS = 256
"""Number of levels of a uint8 probability."""


def level_of(threshold: float) -> int:
    """Return the lowest uint8 level, p = v / 255, that reaches a threshold on the probability.

    >>> level_of(0.5), level_of(1.0), level_of(51 / 255)
    (128, 255, 51)
    """
    return math.ceil(threshold * 255 - 1e-9)


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Voxels of structure and of background with each level. positives, negatives: (256,) int64."""

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]

    @classmethod
    def empty(cls) -> Histograms:
        """Return the neutral element of the sum."""
        return cls(np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64))

    @classmethod
    def of(
        cls, probability: NDArray[np.uint8], truth: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None
    ) -> Histograms:
        """Count levels. probability: uint8, p = v / 255; truth: bool; counted: bool, None = every voxel.

        Raises ShapeError if their shapes differ.
        """
        if probability.shape != truth.shape or (counted is not None and counted.shape != truth.shape):
            raise ShapeError(f"probability {probability.shape} and truth {truth.shape} (and counted voxels) must agree")
        background = ~truth if counted is None else counted & ~truth
        structure = truth if counted is None else counted & truth
        return cls(
            np.bincount(probability[structure], minlength=LEVELS),
            np.bincount(probability[background], minlength=LEVELS),
        )

    def __add__(self, other: Histograms) -> Histograms:
        return Histograms(self.positives + other.positives, self.negatives + other.negatives)

    def confusion(self, level: int) -> Confusion:
        """Return the counts of the mask `probability >= level`."""
        hits, false_alarms = int(self.positives[level:].sum()), int(self.negatives[level:].sum())
        return Confusion(hits, false_alarms, int(self.positives[:level].sum()), int(self.negatives[:level].sum()))

    def curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return precision and recall, (256,) float64 each, of the masks `probability >= level`, level = 0..255.

        Precision is 1 where nothing is marked. Requires some structure.
        """
        hits, marked = self._marked()
        precision = np.divide(hits, marked, out=np.ones(LEVELS), where=marked > 0)
        return precision, hits / hits[0]

    @property
    def average_precision(self) -> float | None:
        """Return the sum of (R_n - R_(n-1)) * P_n over falling thresholds n; None without any structure.

        The step-wise area under the precision-recall curve, without interpolation (scikit-learn's definition of
        average_precision_score; M. Zhu, "Recall, precision and average precision", Univ. of Waterloo, 2004).
        """
        if not self.positives.any():
            return None
        precision, recall = self.curve()
        gained = np.diff(recall[::-1], prepend=0.0)
        return float(gained @ precision[::-1])

    def recall_at_precision(self, wanted: float) -> float | None:
        """Return the greatest recall of all thresholds with at least this precision, 0 if none has; None as above."""
        if not self.positives.any():
            return None
        precision, recall = self.curve()
        return float(recall[precision >= wanted].max(initial=0.0))

    def precision_at_recall(self, wanted: float) -> float | None:
        """Return the greatest precision of all thresholds with at least this recall; None as above."""
        if not self.positives.any():
            return None
        precision, recall = self.curve()
        return float(precision[recall >= wanted].max(initial=0.0))

    def best_level(self) -> int:
        """Return the level in 1..255 whose mask has the greatest F1; of equal ones the middle one."""
        hits, marked = self._marked()
        both = hits[0] + marked  # 2TP + FP + FN
        f1 = np.divide(2 * hits, both, out=np.ones(LEVELS), where=both > 0)
        best = np.flatnonzero(f1[1:] == f1[1:].max()) + 1
        return int(best[best.size // 2])

    def _marked(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return hits and marked voxels of the masks `probability >= level`, level = 0..255."""
        hits = np.cumsum(self.positives[::-1])[::-1]
        return hits, hits + np.cumsum(self.negatives[::-1])[::-1]
