"""Meaning of label values: structure, background, or unknown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emstream.errors import TrainingDataUnusable
from emstream.volume.intensity import Grey
from emstream_training.data.sources import Source

IGNORE = 255
"""Label of unknown pixels, which count for no loss."""
LISTED_VALUES = 5
"""Maximum number of values that an error message lists."""


class LabelValues:
    """Converts the label values of one source into 0, 1 and IGNORE, and remembers the values it has seen."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: list[object] = []

    def __call__(self, values: Grey) -> NDArray[np.uint8]:
        """Return 0, 1 or IGNORE for label values of any shape.

        Raises TrainingDataUnusable for a second value other than 0 where labels are not numbers of objects.
        """
        source = self._source
        unknown = np.zeros(values.shape, bool) if source.ignore_value is None else values == source.ignore_value
        marked = (values != 0) & ~unknown
        if not source.instances:
            self._check(values[marked])
        label = np.where(marked, 0, IGNORE) if source.kind == "negative" else marked
        return np.where(unknown, IGNORE, label).astype(np.uint8)

    def _check(self, values: Grey) -> None:
        for value in self._seen:
            values = values[values != value]
        while values.size and len(self._seen) < LISTED_VALUES:
            self._seen.append(values[0].item())
            values = values[values != values[0]]
        if len(self._seen) < 2:
            return
        listed = ", ".join(map(str, self._seen)) + (" and more" if len(self._seen) == LISTED_VALUES else "")
        raise TrainingDataUnusable(
            f"{self._source.labels} has the values {listed} in addition to 0; labels are 0 and one other value. For "
            "numbered objects set 'instances' to true, for a value that means unknown set 'ignore_value'; save labels "
            "as PNG or TIFF, because JPEG changes them"
        )
