"""Example sections: the best, the median and the worst one, with hits, misses and false alarms coloured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emstream.volume.pyramid import resample
from emstream_training.metrics.confusion import Confusion
from emstream_training.report.scores import BOOL, UINT8, Tally

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
