"""Shards: the parts of a job for runs without a broker; shard i of n makes one.

    <output>/shard-2-of-8/.emstream/    what shard 2 of 8 has made: a job's folder, see `job`

Each shard plans the whole job, which gives the same plan everywhere, and makes its own run of packages. Slabs need
nothing of each other until objects are joined, as each reads its own halo sections, so a shard is a run of whole slabs
that it also stitches. Only a job of fewer slabs than shards is cut between packages: a slab that several shards have a
part of is read by each of them, and stitched when they are merged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import UsageError
from emstream.ledger.terms import Found, JobShape

_FOLDER = re.compile(r"shard-([0-9]+)-of-([0-9]+)")


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """Shard `number` of `count`, counted from 1. Raises UsageError for numbers out of range."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(f"a shard is i/n with i from 1 to n, such as 2/8, got {self}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder_name(self) -> str:
        """Name of its folder inside the output folder."""
        return f"shard-{self.number}-of-{self.count}"


def parse_shard(text: str) -> Shard:
    """Return the shard that a text means. Raises UsageError saying how to write it.

    >>> parse_shard("2/8")
    Shard(number=2, count=8)
    """
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None:
        raise UsageError(f"--shard must be i/n, such as 2/8 for the second of eight, got {text!r}")
    return Shard(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Share:
    """A shard's part of a job: a run of packages, numbered through the job."""

    shape: JobShape
    packages: range

    @property
    def slabs(self) -> range:
        """Slabs that it reads."""
        per_slab = self.shape.packages_per_slab
        if not self.packages:
            return range(0)
        return range(self.packages.start // per_slab, -(-self.packages.stop // per_slab))

    @property
    def whole_slabs(self) -> range:
        """Slabs that are its own alone, which it stitches."""
        per_slab = self.shape.packages_per_slab
        return range(-(-self.packages.start // per_slab), self.packages.stop // per_slab)

    def as_if_others_were_done(self, found: Found) -> Found:
        """Return what the disk shows, with all that other shards make entered as done."""
        others = frozenset(range(self.shape.slabs)) - frozenset(self.slabs)
        foreign = frozenset(range(self.shape.slabs * self.shape.packages_per_slab)) - frozenset(self.packages)
        return Found(self.shape, found.slabs, found.packages | foreign, found.results | others)

    def missing(self, found: Found) -> list[int]:
        """Return the share's packages that are not made; packages of its own slabs count once the slab is stitched."""
        whole, per_slab = self.whole_slabs, self.shape.packages_per_slab
        return [
            package
            for package in self.packages
            if package // per_slab not in found.results
            and (package // per_slab in whole or package not in found.packages)
        ]


def share_of(shape: JobShape, shard: Shard) -> Share:
    """Return a shard's share of a job; the shares cover it exactly once, and differ by one slab (or package) at most.

    >>> share_of(JobShape(slabs=5, packages_per_slab=4), Shard(2, 2)).packages
    range(8, 20)
    >>> share_of(JobShape(slabs=1, packages_per_slab=4), Shard(2, 3)).packages
    range(1, 2)
    """
    piece = shape.packages_per_slab if shape.slabs >= shard.count else 1
    pieces = shape.slabs * shape.packages_per_slab // piece
    start, stop = (pieces * number // shard.count * piece for number in (shard.number - 1, shard.number))
    return Share(shape, range(start, stop))


def find_shards(folders: Iterable[Path]) -> dict[Shard, Path]:
    """Return the shards' output folders in some folders; a shard's own folder may be named, too.

    Raises UsageError if there is none, if one is there twice, if one is missing, or if they are of several divisions.
    """
    named = list(folders)
    found: dict[Shard, Path] = {}
    for path in sorted({path.absolute() for folder in named for path in (folder, *folder.glob("shard-*-of-*"))}):
        match = _FOLDER.fullmatch(path.name)
        if match is None or not path.is_dir():
            continue
        shard = Shard(int(match[1]), int(match[2]))
        if shard in found:
            raise UsageError(f"shard {shard} is there twice, in {found[shard]} and in {path}: name only one of them")
        found[shard] = path
    if not found:
        raise UsageError(
            f"there is no folder shard-I-of-N in {', '.join(map(str, named))}: "
            "name the folders that `emstream predict --shard I/N -o FOLDER` wrote to"
        )
    _check_complete(found)
    return dict(sorted(found.items()))


def _check_complete(found: dict[Shard, Path]) -> None:
    counts = sorted({shard.count for shard in found})
    if len(counts) > 1:
        first, second = (next(path for shard, path in found.items() if shard.count == count) for count in counts[:2])
        raise UsageError(
            f"shards of several divisions are there, {first} and {second}: name the folders of one division only"
        )
    missing = [number for number in range(1, counts[0] + 1) if Shard(number, counts[0]) not in found]
    if missing:
        names = ", ".join(str(Shard(number, counts[0])) for number in missing[:20])
        more = f" and {len(missing) - 20} more" if len(missing) > 20 else ""
        raise UsageError(
            f"missing: shard {names}{more}. Run `emstream predict ... --shard {Shard(missing[0], counts[0])}`, "
            "or name the folder it is in, too"
        )
