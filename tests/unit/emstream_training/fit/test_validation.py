"""Validation counts known pixels only."""

from __future__ import annotations

import numpy as np

from emstream_training.data.label_values import IGNORE
from emstream_training.fit.validation import best_level


def test_unknown_pixels_do_not_count() -> None:
    probability = np.array([[250, 250, 0, 250]], np.uint8)
    label = np.array([[1, IGNORE, 0, IGNORE]], np.uint8)
    counts, threshold = best_level([(probability, label)])
    assert (counts.hits, counts.false_alarms, counts.misses, counts.rejections) == (1, 0, 0, 1)
    assert counts.f1 == 1
    assert 0 < threshold < 1
