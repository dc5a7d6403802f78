"""What label values mean: structure, background, or unknown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emstream.errors import TrainingDataUnusable
from emstream.volume.intensity import Grey
from emstream_training.data.sources import Source

IGNORE = 255  # in labels: no loss here
LISTED_VALUES = 5


class Marks:
    """Turns the label values of one source into 0, 1 and IGNORE, remembering which values it has met."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._met: list[object] = []

    def __call__(self, values: Grey) -> NDArray[np.uint8]:
        """Return 0, 1 or IGNORE for label values of any shape.

        Raises TrainingDataUnusable for a second value beside 0 where labels are not the numbers of objects.
        """
        source = self._source
        unknown = np.zeros(values.shape, bool) if source.ignore_value is None else values == source.ignore_value
        marked = (values != 0) & ~unknown
        if not source.instances:
            self._check(values[marked])
        label = np.where(marked, 0, IGNORE) if source.kind == "negative" else marked
        return np.where(unknown, IGNORE, label).astype(np.uint8)

    def _check(self, values: Grey) -> None:
        for value in self._met:
            values = values[values != value]
        while values.size and len(self._met) < LISTED_VALUES:
            self._met.append(values[0].item())
            values = values[values != values[0]]
        if len(self._met) < 2:
            return
        listed = ", ".join(map(str, self._met)) + (" and more" if len(self._met) == LISTED_VALUES else "")
        raise TrainingDataUnusable(
            f"{self._source.labels} has the values {listed} beside 0; labels are 0 and one other value. For numbered "
            "objects set 'instances' to true, for a value that means unknown set 'ignore_value'; save labels as PNG "
            "or TIFF, for JPEG changes them"
        )
