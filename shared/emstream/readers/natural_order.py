"""Natural order of names: s2 before s10."""

from __future__ import annotations

import re

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """Return a sort key by which numbers inside names count as numbers: section2 before section10.

    Case does not count; names that are then equal (02 and 2) keep a fixed order by the name itself.

    >>> sorted(["s10.png", "s2.png", "S1.png"], key=natural_key)
    ['S1.png', 's2.png', 's10.png']
    """
    parts = _DIGITS.split(name.casefold())
    return tuple((int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)), name
