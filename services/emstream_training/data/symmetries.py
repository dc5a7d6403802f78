"""The 16 variants of a stack that the paper trains on, in CDeep3M's order.

They are the eight symmetries of the square, then each with the sections reversed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

UINT8 = NDArray[np.uint8]
COUNT = 16
"""Number of variants."""

_SYMMETRIES: tuple[Callable[[UINT8], UINT8], ...] = (
    lambda section: section,
    np.flipud,
    np.fliplr,
    lambda section: np.rot90(section, 1),  # counter-clockwise
    lambda section: np.rot90(section, -1),
    lambda section: np.rot90(np.flipud(section), 1),
    lambda section: np.rot90(np.fliplr(section), 1),
    lambda section: np.rot90(section, 2),
)


def variant(sections: Sequence[UINT8], number: int) -> Iterator[UINT8]:
    """Yield the sections (y, x) uint8 of variant 1 to 16, in the variant's order, as views.

    Variant 1 is the stack itself; 9 to 16 are 1 to 8 of the stack with its sections reversed. Source of the order:
    CRBS/cdeep3m2, `augment_data.py`.
    """
    is_reversed, index = divmod(number - 1, len(_SYMMETRIES))
    ordered = reversed(sections) if is_reversed else sections
    return map(_SYMMETRIES[index], ordered)
