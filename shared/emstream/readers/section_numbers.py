"""Numbers in the names of section files, and the missing and repeated sections that they show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import PurePath

_DIGITS = re.compile(r"([0-9]+)")
NAMED_AT_MOST = 5
"""Maximum number of names that a sentence lists."""


def listed(names: Sequence[str]) -> str:
    """Return at most five names, and the number of further ones, for a sentence.

    >>> listed(["a", "b"]), listed(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    shown = ", ".join(names[:NAMED_AT_MOST])
    rest = len(names) - NAMED_AT_MOST
    return f"{shown} and {rest} more" if rest > 0 else shown


def section_numbers(names: Sequence[str]) -> list[int] | None:
    """Return each name's number: the last run of digits that varies between the names; None if there is none."""
    runs = [[int(run) for run in _DIGITS.findall(PurePath(name).stem)] for name in names]
    if len({len(run) for run in runs}) != 1:
        return None
    for column in reversed(range(len(runs[0]))):
        numbers = [run[column] for run in runs]
        if len(set(numbers)) > 1:
            return numbers
    return None


def numbering_warnings(names: Sequence[str]) -> tuple[str, ...]:
    """Return sentences on gaps, repeats and steps in the sections' numbers."""
    numbers = section_numbers(names)
    if numbers is None:
        return ()
    sentences = []
    repeated = [str(number) for number, count in sorted(Counter(numbers).items()) if count > 1]
    if repeated:
        sentences.append(
            f"Section numbers occur more than once: {listed(repeated)}. All were read, in the order of the names."
        )
    ordered = sorted(set(numbers))
    step = _usual_step(ordered)
    if step > 1:
        sentences.append(f"Sections are numbered in steps of {step}; they were read as neighbours.")
    gaps = [_gap(a, b, step) for a, b in pairwise(ordered) if b - a > step]
    if gaps:
        sentences.append(
            f"Section numbers are missing: {listed(gaps)}. Sections next to a gap were read as neighbours."
        )
    return tuple(sentences)


def _usual_step(ordered: Sequence[int]) -> int:
    """Return the most common difference of neighbours (the smaller of two equally common; 1 below three sections)."""
    steps = Counter(b - a for a, b in pairwise(ordered))
    if steps.total() < 2:
        return 1
    most = max(steps.values())
    return min(step for step, count in steps.items() if count == most)


def _gap(before: int, after: int, step: int) -> str:
    first, last = before + step, max(before + step, after - step)
    return str(first) if first == last else f"{first}-{last}"


def natural_key(name: str) -> tuple[tuple[tuple[int, str], ...], str]:
    """Return a sort key by which numbers inside names count as numbers: section2 before section10.

    Case does not count; names that are then equal (02 and 2) keep a fixed order by the name itself.

    >>> sorted(["s10.png", "s2.png", "S1.png"], key=natural_key)
    ['S1.png', 's2.png', 's10.png']
    """
    parts = _DIGITS.split(name.casefold())
    return tuple((int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)), name
