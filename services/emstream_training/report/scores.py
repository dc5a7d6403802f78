"""Probability maps on disk, their means, and their agreement with the truth, one section at a time.

Each checkpoint predicts an input once; ensembles are means of these maps. Maps are stored in 8 bits, so their mean
differs by rounding, 1/255, from a prediction with all checkpoints at once, and more only where the checkpoints' fast
halos or pixel sizes differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.volume.files import opened
from emstream.volume.planes import Planes
from emstream.volume.pyramid import resample
from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import Histograms, level_of
from emstream_training.metrics.evaluate import Score, score_of
from emstream_training.report.candidates import Candidate

UINT8 = NDArray[np.uint8]
BOOL = NDArray[np.bool_]
Truth = Callable[[int], BOOL]
"""Returns section z of the labels, (y, x), True = structure."""


@dataclass(frozen=True, slots=True)
class Maps:
    """Probability maps of one input. files: by checkpoint name, each with `/<object>/probability` (z, y, x) uint8."""

    object: str
    files: Mapping[str, Path]

    def read(self, candidate: Candidate, z: int) -> UINT8:
        """Return section z of a candidate's probability, (y, x) uint8, p = v / 255. Raises VolumeDamaged."""
        return mean_map({m.name: self._plane(m.name, z) for m in candidate.members}, candidate)

    def planes(self, z: int) -> dict[str, UINT8]:
        """Return section z of every checkpoint's map. Raises VolumeDamaged."""
        return {name: self._plane(name, z) for name in self.files}

    def _plane(self, name: str, z: int) -> UINT8:
        with opened(self.files[name]) as file:
            return Planes.open(file, f"{self.object}/probability").read(z)


@dataclass(frozen=True, slots=True)
class Tally:
    """Agreement of one candidate with the truth: histograms of each section, and the lowest level that it marks."""

    level: int
    sections: tuple[Histograms, ...]

    @property
    def total(self) -> Histograms:
        """Histograms of all sections together."""
        return sum(self.sections, Histograms.empty())

    @property
    def counts(self) -> list[Confusion]:
        """Counts of each section at the candidate's threshold."""
        return [section.confusion(self.level) for section in self.sections]

    @property
    def score(self) -> Score:
        """Scores of all sections together, and the threshold that would have been best here, which nothing uses."""
        total = self.total
        best = total.best_level()
        score = score_of(total.confusion(self.level), total)
        score |= {"best_threshold": round(best / 255, 4), "best_f1": round(total.confusion(best).f1, 6)}
        return score

    def without(self, z: int) -> Tally:
        """Return the tally of the other sections."""
        return Tally(self.level, self.sections[:z] + self.sections[z + 1 :])


def mean_map(planes: Mapping[str, UINT8], candidate: Candidate) -> UINT8:
    """Return a candidate's probability from its members' (y, x) uint8 planes, weighted by their variants, rounded.

    Largest array: one section of float32.
    """
    if len(candidate.members) == 1:
        return planes[candidate.members[0].name]
    total = np.zeros(planes[candidate.members[0].name].shape, np.float32)
    for member in candidate.members:
        total += np.float32(member.weight) * planes[member.name]
    total /= np.float32(sum(member.weight for member in candidate.members))
    return np.rint(total).astype(np.uint8)


def tally(candidates: Sequence[Candidate], maps: Maps, truth: Truth, depth: int) -> dict[str, Tally]:
    """Score every candidate on sections 0..depth. Largest arrays: one section of each checkpoint's map, and a mean."""
    found: dict[str, list[Histograms]] = {candidate.name: [] for candidate in candidates}
    for z in range(depth):
        planes, true = maps.planes(z), truth(z)
        for candidate in candidates:
            found[candidate.name].append(Histograms.of(mean_map(planes, candidate), true))
    return {c.name: Tally(level_of(c.threshold), tuple(found[c.name])) for c in candidates}


COLOURS = {"hit": "#56b4e9", "miss": "#f0e442", "false alarm": "#d55e00"}
"""Sky blue, yellow and vermilion: distinct from each other and from grey in all common kinds of colour blindness.
M. Okabe, K. Ito, "Color Universal Design" (2008)."""
OPACITY = 0.6
"""Share of a colour over grey values."""
LONGEST_SIDE = 900
"""Maximum side of a panel in pixels."""


@dataclass(frozen=True, slots=True)
class Example:
    """One section, reduced to the size of a panel. grey: (y, x) uint8; coloured: (y, x, 3) uint8, RGB."""

    rank: str
    z: int
    counts: Confusion
    grey: UINT8
    coloured: UINT8


@dataclass(frozen=True, slots=True)
class SectionPlanes:
    """Arrays (y, x) of one section. grey, probability: uint8, p = v / 255; truth: bool, True = structure."""

    grey: UINT8
    probability: UINT8
    truth: BOOL


def telling_sections(tally: Tally) -> list[tuple[str, int]]:
    """Return ("best", z), ("median", z), ("worst", z) by F1, each section once, of the sections that have structure.

    Among equal sections the first is chosen. Without any structure: ("first", 0).
    """
    f1 = {z: counts.f1 for z, counts in enumerate(tally.counts) if counts.hits + counts.misses}
    if not f1:
        return [("first", 0)]
    order = sorted(f1, key=lambda z: (-f1[z], z))
    ranks = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    names: dict[int, list[str]] = {}
    for rank, z in ranks.items():
        names.setdefault(z, []).append(rank)
    return [(" and ".join(rank), z) for z, rank in names.items()]


def make_example(rank: str, z: int, tally: Tally, planes: SectionPlanes) -> Example:
    """Return an example of section z. Largest arrays: a few of one section's size in uint8."""
    mask, truth = planes.probability >= tally.level, planes.truth
    height, width = planes.grey.shape
    share = min(1.0, LONGEST_SIDE / max(height, width))
    size = max(1, round(height * share)), max(1, round(width * share))
    small = resample(planes.grey, size)
    coloured = np.repeat(small[:, :, None], 3, axis=2).astype(np.float32)
    for name, where in (("hit", mask & truth), ("miss", truth & ~mask), ("false alarm", mask & ~truth)):
        cover = resample(where.astype(np.uint8) * 255, size, smooth=True).astype(np.float32)[:, :, None] / 255
        coloured += OPACITY * cover * (_rgb(COLOURS[name]) - coloured)
    return Example(rank, z, tally.counts[z], small, np.rint(coloured).astype(np.uint8))


def _rgb(colour: str) -> NDArray[np.float32]:
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8).astype(np.float32)
