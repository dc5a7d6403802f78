"""The bodies of a phantom: mitochondria, myelin sheaths, lysosomes and nuclei, placed in an endless space.

Space is cut into cubic blocks. Each block proposes bodies by hashing (seed, block); they settle in order of rank, and a
body that comes too close to a settled one is dropped. So a block's bodies are the same whatever is asked before. All
bodies are bent tubes with round ends. Lengths are in reference pixels (5.5 nm).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from emstream.phantom.noise import uniforms

Block = tuple[int, int, int]

BLOCK_SIDE = 512
"""Side of a block in reference pixels."""
REACH = 400
"""Maximum reach of a body from its centre, in reference pixels."""
BLOCK_BITS = (6, 9, 9)
"""Bits of a block's z, y and x in an id; the other 8 are the proposal's number. Ids start at block -1."""
NODES = 9
"""Number of points of a body's centre line."""
MEMBRANE_REACH = 5.0
"""Distance beyond its sheath up to which a body changes the picture, in reference pixels."""
BEND_REACH = 30.0
"""Maximum distance by which the painter may bend space, in reference pixels: boxes are wider by that."""

_STREAM = 1000


class Kind(IntEnum):
    """What a body is; the bodies of a higher kind displace those of a lower."""

    LYSOSOME = 0
    MITOCHONDRION = 1
    MYELIN = 2
    NUCLEUS = 3


@dataclass(frozen=True, slots=True)
class Habit:
    """Number of bodies of a kind that each block proposes, and their appearance.

    Ranges of radius, length, cytoplasm around (gap) and myelin around (sheath); clearance is left free around them.
    """

    kind: Kind
    proposals: int
    radius: tuple[float, float]
    length: tuple[float, float]
    gap: tuple[float, float]
    sheath: tuple[float, float]
    clearance: float


HABITS = (
    Habit(Kind.MITOCHONDRION, 170, (14, 37), (16, 270), (4, 26), (0, 0), 1),
    Habit(Kind.LYSOSOME, 50, (6, 16), (3, 26), (3, 5), (0, 0), 3),
    Habit(Kind.MYELIN, 5, (12, 55), (180, 420), (0, 0), (10, 34), 2),
    Habit(Kind.NUCLEUS, 1, (120, 215), (60, 160), (0, 0), (0, 0), 8),
)
PROPOSED_MITOCHONDRIA = HABITS[0].proposals
SPREAD, BUNDLING = 5, 0.9
"""Number of cubes along a block's side in each of which a mitochondrion is tried, and the degree to which a block's
bodies share one direction. With both, mitochondria pack as densely as in tissue (about 8 % of it); at random they reach
4 %."""
NUCLEUS_SHARE = 0.3
"""Share of the blocks that propose a nucleus."""
SHEATHED_SHARE, FREE_SHARE = 0.07, 0.35
"""Shares of the mitochondria that are in a myelinated axon, and in a cell without a neurite of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """n bodies as arrays of n rows.

    nodes: (n, NODES, 3) centre line (z, y, x); radii: (n, NODES). gap: cytoplasm between the body and its neurite's
    membrane (has_rim); sheath: thickness of the myelin around. shade: [0, 1), for grey levels. low, high: (n, 3) box.
    """

    kind: NDArray[np.int8]
    ident: NDArray[np.uint32]
    rank: NDArray[np.float64]
    nodes: NDArray[np.float32]
    radii: NDArray[np.float32]
    gap: NDArray[np.float32]
    sheath: NDArray[np.float32]
    clearance: NDArray[np.float32]
    has_rim: NDArray[np.bool_]
    shade: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Bodies:
        """Return the chosen rows."""
        return Bodies(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def meets(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say for each body whether its box meets the box from `low` to `high` (z, y, x)."""
        meets: NDArray[np.bool_] = np.all((self.low <= high) & (self.high >= low), axis=1)
        return meets


def bodies_within(seed: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> Bodies:
    """Return all bodies whose boxes meet the box from `low` to `high` (z, y, x), in a fixed order."""
    first = np.floor((low - REACH) / BLOCK_SIDE).astype(int)
    last = np.floor((high + REACH) / BLOCK_SIDE).astype(int)
    blocks = [tuple(int(v) for v in first + step) for step in np.ndindex(*(last - first + 1))]
    near = [(z, y, x) for z, y, x in blocks if _proposed(seed, (z, y, x)).meets(low, high).any()]
    settled = [_settled(seed, block) for block in near or blocks[:1]]
    return _joined([bodies.where(bodies.meets(low, high)) for bodies in settled])


@lru_cache(maxsize=512)
def _settled(seed: int, block: Block) -> Bodies:
    """Return the bodies of a block that stay when all around settle in order of rank.

    Only bodies near the block take part, so two blocks may, rarely, decide differently on a body between them: then two
    bodies overlap, and each pixel belongs to the one whose surface is nearer.
    """
    own = _proposed(seed, block)
    small = own.where(own.kind < Kind.MYELIN)
    margin = 2 * BEND_REACH  # boxes leave more room than a collision needs
    low, high = small.low.min(axis=0) + np.float64(margin), small.high.max(axis=0) - np.float64(margin)
    steps = [step for step in np.ndindex(3, 3, 3) if step != (1, 1, 1)]
    around = [_proposed(seed, (block[0] + z - 1, block[1] + y - 1, block[2] + x - 1)) for z, y, x in steps]
    near = [body.where((body.kind >= Kind.MYELIN) | body.meets(low, high)) for body in around]
    bodies = _joined([own, *near])
    winners, losers = _collisions(bodies)
    stays = np.ones(bodies.kind.size, bool)
    for winner, loser in zip(winners.tolist(), losers.tolist(), strict=True):
        if stays[winner]:
            stays[loser] = False
    return own.where(stays[: own.kind.size])


def _collisions(bodies: Bodies) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows (higher rank, lower rank) of all pairs that come too close, in falling order of the higher."""
    order = np.argsort(-bodies.rank, kind="stable")
    ranked = bodies.where(order)
    low, high = ranked.nodes.min(axis=1), ranked.nodes.max(axis=1)
    low, high = low - ranked.clearance[:, None], high + ranked.clearance[:, None]
    first, second = _meeting_boxes(low, high)
    apart = _nearest_nodes(ranked.nodes, first, second)
    collide = apart < ranked.clearance[first] + ranked.clearance[second]
    return order[first[collide]], order[second[collide]]


def _meeting_boxes(low: NDArray[np.float32], high: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows (i < j), sorted by i, of all pairs of boxes that meet."""
    meet = np.ones((len(low), len(low)), bool)
    for lowest, highest in zip(low.T.copy(), high.T.copy(), strict=True):
        meet &= lowest[None] <= highest[:, None]
        meet &= highest[None] >= lowest[:, None]
    first, second = np.divmod(np.flatnonzero(meet), len(low))
    is_once = first < second
    return first[is_once], second[is_once]


def _nearest_nodes(
    nodes: NDArray[np.float32], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return for each pair of rows about how close the lines come: all nodes of one, every second of the other."""
    origin = nodes[first, NODES // 2][:, None]
    a, b = nodes[first] - origin, nodes[second][:, ::2] - origin
    squared = (a**2).sum(axis=2)[:, :, None] + (b**2).sum(axis=2)[:, None] - 2 * (a @ b.transpose(0, 2, 1))
    nearest: NDArray[np.float32] = np.sqrt(np.maximum(squared.min(axis=(1, 2)), 0))
    return nearest


@lru_cache(maxsize=1024)
def _proposed(seed: int, block: Block) -> Bodies:
    parts, number = [], 0
    for habit in HABITS:
        parts.append(_propose(seed, block, habit, number))
        number += habit.proposals
    bodies = _joined(parts)
    is_absent = (bodies.kind == Kind.NUCLEUS) & (bodies.shade > NUCLEUS_SHARE)
    return bodies.where(~is_absent)


def _propose(seed: int, block: Block, habit: Habit, first_number: int) -> Bodies:
    """Draw a block's bodies of one kind; mitochondria are spread evenly first, then fill up at random."""
    n = habit.proposals
    numbers = np.arange(first_number, first_number + n)
    draws = uniforms(seed, _STREAM, *(np.full((n, 1), b) for b in block), numbers[:, None], np.arange(20)[None])
    radius = _between(habit.radius, draws[:, 0] ** 1.3)
    nodes = _centre_lines(block, draws, _between(habit.length, draws[:, 1] ** 2))
    radii = radius[:, None] * (0.8 + 0.3 * _wavy(draws[:, 2:4]))
    gap, sheath = _between(habit.gap, draws[:, 4] ** 1.5), _between(habit.sheath, draws[:, 5])
    has_rim = np.full(n, habit.kind == Kind.MYELIN)
    clearance = radii.mean(axis=1) + habit.clearance + sheath
    rank = habit.kind + (draws[:, 7] + draws[:, 1]) / 2
    if habit.kind == Kind.MITOCHONDRION:
        is_sheathed, is_free = draws[:, 6] < SHEATHED_SHARE, draws[:, 6] > 1 - FREE_SHARE
        sheath, has_rim = np.where(is_sheathed, 8 + 16 * draws[:, 5], 0), ~is_free
        gap = np.where(is_free, 4.0, gap)
        rank[SPREAD**3 :] -= 1
        clearance += np.where(is_sheathed, gap + sheath, 0)
    outer = (radii.max(axis=1) + gap + sheath + MEMBRANE_REACH + BEND_REACH + 1)[:, None]
    return Bodies(
        kind=np.full(n, habit.kind, np.int8),
        ident=_idents(block, numbers),
        rank=rank,
        nodes=nodes.astype(np.float32),
        radii=radii.astype(np.float32),
        gap=gap.astype(np.float32),
        sheath=sheath.astype(np.float32),
        clearance=clearance.astype(np.float32),
        has_rim=has_rim,
        shade=draws[:, 8].astype(np.float32),
        low=(nodes.min(axis=1) - outer).astype(np.float32),
        high=(nodes.max(axis=1) + outer).astype(np.float32),
    )


def _centre_lines(block: Block, draws: NDArray[np.float64], length: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, NODES, 3): parabolas of random places, directions and bends."""
    places = draws[:, 9:12].copy()
    if len(places) >= SPREAD**3:
        places[: SPREAD**3] = (np.array(list(np.ndindex(SPREAD, SPREAD, SPREAD))) + places[: SPREAD**3]) / SPREAD
    centre = (np.array(block) + places) * BLOCK_SIDE
    along = _directions(draws[:, 12], draws[:, 13]) + BUNDLING * _directions(draws[:1, 17], draws[:1, 18])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    sideways = np.cross(along, _directions(draws[:, 14], draws[:, 15]))
    t = np.linspace(-0.5, 0.5, NODES)[None, :, None]
    bend = (length * 1.6 * draws[:, 16] ** 2)[:, None, None]
    lines: NDArray[np.float64] = centre[:, None] + length[:, None, None] * t * along[:, None]
    return lines + bend * (t**2 - 1 / 12) * sideways[:, None]


def _directions(height: NDArray[np.float64], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    z, angle = 2 * height - 1, 2 * np.pi * turn
    flat = np.sqrt(1 - z**2)
    return np.stack([z, flat * np.sin(angle), flat * np.cos(angle)], axis=1)


def _wavy(phases: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.linspace(0, 1, NODES)[None]
    wave: NDArray[np.float64] = np.sin(2 * np.pi * (phases[:, :1] + t * (0.5 + phases[:, 1:])))
    return wave * np.sin(np.pi * t) ** 0.5 + (np.sin(np.pi * t) ** 0.5 - 0.6)


def _between(limits: tuple[float, float], share: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = limits
    return low + (high - low) * share


def _idents(block: Block, numbers: NDArray[np.int64]) -> NDArray[np.uint32]:
    packed = 0
    for bits, index in zip(BLOCK_BITS, block, strict=True):
        packed = packed << bits | (index + 1) % (1 << bits)
    return ((packed << 8) + 1 + numbers % 255).astype(np.uint32)


def _joined(parts: list[Bodies]) -> Bodies:
    return Bodies(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Bodies)))
