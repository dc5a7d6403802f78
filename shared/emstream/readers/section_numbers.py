"""Numbers in the names of section files: missing and repeated sections, and the sections of two stacks as pairs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from pathlib import PurePath
from typing import TypeVar

_DIGITS = re.compile(r"([0-9]+)")
_DECIMALS = re.compile(r"([0-9]+(?:[.,][0-9]+)?)")
_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")
Item = TypeVar("Item")
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
    decimals = _decimals(names)
    if decimals is not None:
        first, last = min(decimals), max(decimals)
        sentence = f"Numbers in the names, {first} to {last}, were read as decimals"
        return (f"{sentence}." if _missing(decimals) == 0 else f"{sentence}, and are not evenly spaced.",)
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


@dataclass(frozen=True, slots=True)
class Named:
    """A stack in a sentence about pairs. what: such as "the labels"; names: of its section files, or empty."""

    what: str
    depth: int
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pairing:
    """The way in which the sections of two stacks belong together.

    said: for the user; doubt: a sentence if names leave it open, wrong: if they contradict it; else empty.
    """

    said: str
    doubt: str = ""
    wrong: str = ""


def pair_sections(first: Named, other: Named) -> Pairing:
    """Compare the names of two stacks of one depth, whose sections are paired by place.

    1. One number of each name agrees throughout: paired by number. 2. Numbers differ: in doubt where those of one
    stack merely count (from 0 or 1), else wrong. 3. No numbers: names are compared without what all have in common.

    >>> pair_sections(Named("a", 2, ("s4.png", "s5.png")), Named("b", 2, ("l4.tif", "l5.tif"))).said
    '2 sections, 4..5, paired by number'
    """
    count = f"{first.depth} section{'s' if first.depth > 1 else ''}"
    if not (first.names and other.names):
        return Pairing(f"{count}, paired by place")
    if first.depth == 1:
        return _pair_of_one(first, other, count)
    columns, others = _varying(first.names), _varying(other.names)
    same = next((column for column in columns if _values(column) in map(_values, others)), None)
    if same is not None:
        return Pairing(f"{count}, {same[0]}..{same[-1]}, paired by number")
    if columns and others:
        return _pair_of_numbers(first, other, columns[0], others[0])
    if _bare(first.names) == _bare(other.names):
        return Pairing(f"{count}, {listed(_bare(first.names))}, paired by name")
    a, b = next(pair for pair in zip(first.names, other.names, strict=True) if pair[0] != pair[1])
    doubt = (
        f"the names of {first.what} and {other.what} do not show which belong together: they were paired by place, "
        f"{a} with {b}. Give both the same numbers to be sure"
    )
    return Pairing(f"{count}, paired by place", doubt)


def unpaired(first: Named, other: Named) -> str:
    """Return which numbers only one of two stacks of different depth has; empty if their names do not show it.

    >>> unpaired(Named("the images", 3, ("s1.png", "s2.png", "s3.png")), Named("the labels", 2, ("1.png", "3.png")))
    'the labels lack 2'
    """
    columns, others = _varying(first.names), _varying(other.names)
    if not (columns and others):
        return ""
    numbers, theirs = _values(columns[0]), _values(others[0])
    parts = []
    for named, missing in ((other, set(numbers) - set(theirs)), (first, set(theirs) - set(numbers))):
        if missing:
            parts.append(f"{named.what} lack {listed([str(number) for number in sorted(missing)])}")
    return ", and ".join(parts)


def _pair_of_numbers(first: Named, other: Named, runs: Sequence[str], others: Sequence[str]) -> Pairing:
    numbers, theirs = _values(runs), _values(others)
    z = next(z for z, (number, its) in enumerate(zip(numbers, theirs, strict=True)) if number != its)
    both = sorted(set(numbers) & set(theirs))
    differ = (
        f"{first.what} are numbered {runs[0]} to {runs[-1]} and {other.what} {others[0]} to {others[-1]}: paired by "
        f"place, {runs[z]} belongs to {others[z]}"
    )
    shared = f" ({len(both)} numbers, {both[0]} to {both[-1]}, are in both)" if both else ""
    if _merely_count(numbers) or _merely_count(theirs):
        doubt = f"{differ}. If equal numbers mean the same section, give only sections that both have{shared}"
        return Pairing(f"{first.depth} sections, paired by place", doubt)
    return Pairing(
        "",
        wrong=f"{differ}. Give only sections that both have{shared}, or number both alike",
    )


def _pair_of_one(first: Named, other: Named, count: str) -> Pairing:
    said = f"{count}, {first.names[0]} with {other.names[0]}"
    number, its = (_DIGITS.findall(PurePath(named.names[0]).stem) for named in (first, other))
    if len(number) == len(its) == 1 and int(number[0]) != int(its[0]):
        return Pairing(
            said, f"the numbers of {first.names[0]} and {other.names[0]} differ: check that they belong together"
        )
    return Pairing(said)


def _varying(names: Sequence[str]) -> list[list[str]]:
    """Return the runs of digits that vary between the names, one list for each place in the name, last place first."""
    runs = [_DIGITS.findall(PurePath(name).stem) for name in names]
    if len({len(run) for run in runs}) != 1:
        return []
    columns = [[run[place] for run in runs] for place in reversed(range(len(runs[0])))]
    return [column for column in columns if len(set(_values(column))) > 1]


def _values(runs: Sequence[str]) -> list[int]:
    return [int(run) for run in runs]


def _merely_count(numbers: Sequence[int]) -> bool:
    return list(numbers) in (list(range(len(numbers))), list(range(1, len(numbers) + 1)))


def _common_start(texts: Sequence[str]) -> int:
    """Return how many first characters all texts have in common."""
    return next(
        (at for at, letters in enumerate(zip(*texts, strict=False)) if len(set(letters)) > 1), min(map(len, texts))
    )


def _bare(names: Sequence[str]) -> list[str]:
    """Return the names without suffix, and without the beginning and the end that all have in common."""
    stems = [PurePath(name).stem for name in names]
    start = _common_start(stems)
    end = _common_start([stem[start:][::-1] for stem in stems])
    return [stem[start : len(stem) - end] for stem in stems]


def in_natural_order(items: Iterable[Item], name_of: Callable[[Item], str]) -> list[Item]:
    """Return items by the natural order of their names; by decimals where the names make sense only so.

    >>> in_natural_order(["z1.png", "z0.5.png", "z0.75.png"], str)
    ['z0.5.png', 'z0.75.png', 'z1.png']
    """
    listing = list(items)
    if _decimals([name_of(item) for item in listing]) is None:
        return sorted(listing, key=lambda item: natural_key(name_of(item)))
    return sorted(listing, key=lambda item: (_decimal_parts(name_of(item)), name_of(item)))


def _decimals(names: Sequence[str]) -> list[Decimal] | None:
    """Return the names' numbers if they are decimals of different lengths, as depths 0.5, 0.75, 1 are; else None.

    1. A zero before other digits behind the point is of a decimal (0.05, 0.1); a last zero is not (1.9, 1.10).
    2. Else they are decimals if fewer are missing between them so than in parts, as 1.8, 1.9, 1.11 are read.
    """
    parts = [_decimal_parts(name) for name in names]
    alike = {tuple(text for _, text in each) for each in parts}
    if len(parts) < 2 or len(alike) != 1 or len({tuple(number for number, _ in each) for each in parts}) < len(parts):
        return None
    columns = [[each[place][0] for each in parts] for place in range(1, len(parts[0]), 2)]
    lengths = [{number.as_tuple().exponent for number in column} for column in columns]
    uneven = [column for column, ends in zip(columns, lengths, strict=True) if len(ends) > 1]
    return uneven[-1] if uneven and _count_as_decimals(uneven[-1]) else None


def _count_as_decimals(numbers: Sequence[Decimal]) -> bool:
    behind = [str(number).partition(".")[2] for number in numbers]
    if any(digits.endswith("0") for digits in behind):
        return False
    return any(digits.startswith("0") for digits in behind) or _missing(numbers) < _missing_in_parts(numbers)


def _decimal_parts(name: str) -> tuple[tuple[Decimal, str], ...]:
    """Return a name in parts, with its suffix left out: texts at even places, numbers at odd ones."""
    parts = _DECIMALS.split(_SUFFIX.sub("", name.casefold()))
    zero = Decimal(0)
    return tuple((Decimal(p.replace(",", ".")), "") if at % 2 else (zero, p) for at, p in enumerate(parts))


def _missing(numbers: Iterable[Decimal], fewest: int = 0) -> int:
    """Return how many numbers are missing between the least and the greatest, in steps of the smallest difference.

    fewest: the number of numbers up to which the step is 1.
    """
    ordered = sorted(set(numbers))
    step = min((b - a for a, b in pairwise(ordered)), default=Decimal(1)) if len(ordered) > fewest else Decimal(1)
    return int((ordered[-1] - ordered[0]) / step) + 1 - len(ordered)


def _missing_in_parts(numbers: Iterable[Decimal]) -> int:
    """Return how many numbers are missing where what is behind the point counts by itself, as 1.9 and 1.10."""
    pairs = sorted({tuple(map(Decimal, f"{number}.0".split(".")[:2])) for number in numbers})
    return sum(_missing((last for _, last in group), 2) for _, group in groupby(pairs, key=lambda pair: pair[0]))
