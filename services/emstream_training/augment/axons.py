"""Myelinated axons over training patches, with the patch's own mitochondria along them.

A block of a few sections may hold no axon that runs within the section. To a network that has seen none, the sheath of
an axon in another block looks like a long mitochondrion, and the long mitochondria in it like nothing it knows. Course,
widths and grey values are random; texture, grain and mitochondria are those of the patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, find_objects, gaussian_filter, gaussian_filter1d, map_coordinates
from scipy.ndimage import label as numbered
from scipy.spatial import cKDTree

from emstream_training.augment.decoys import drawn_texture, grey_levels
from emstream_training.augment.texture import grain_of

UINT8 = NDArray[np.uint8]
FLOAT = NDArray[np.float32]

AXON_SHARE = 0.5
"""Share of the patches with decoys that get an axon, too."""
STEP = 4
"""Distance in pixels between points of a course, and of the grid on which the distance to it is computed."""
HALF_WIDTH = (25.0, 120.0)
"""Range of half the width in pixels of an axon with its sheath."""
SHEATH = (10.0, 50.0)
"""Range of a sheath's thickness in pixels."""
LARGEST_SHEATH_SHARE = 0.55
"""Maximum thickness of a sheath, as a share of half the width."""
BEND = 0.35
"""Maximum bend of a course, as a share of half its length."""
DRIFT = 2.0
"""Standard deviation of an axon's move in pixels per section."""
MITOCHONDRIA = (0, 1, 2, 4, 6)
"""Numbers of mitochondria in an axon, equally likely."""
STRETCH = (1.0, 2.4)
"""Range of the factor by which a mitochondrion is stretched along the axon."""
SMALLEST_AREA, LARGEST_AREA = 250, 9000
"""Range of the area in pixels of a mitochondrion that is copied."""
RIM = 3.0
"""Width in pixels of a mitochondrion's surroundings that are copied with it."""


@dataclass(frozen=True, slots=True)
class Course:
    """The middle line of an axon. points, tangents: float64 (n, 2), (y, x), where it is inside of the patch.

    along, across: float32 (side, side), pixels along the line and away from it, negative on its left.
    """

    points: NDArray[np.float64]
    tangents: NDArray[np.float64]
    along: FLOAT
    across: FLOAT


def add_axon(image: UINT8, label: UINT8, random: np.random.Generator) -> tuple[UINT8, UINT8]:
    """Return copies with an axon; where it covers the patch, its mitochondria are labelled 1 and the rest 0.

    image: uint8 (sections, side, side); label: uint8 (side, side), of the middle section.
    """
    image, label = image.copy(), label.copy()
    side, middle = label.shape[0], image.shape[0] // 2
    lows = grey_levels(image)
    texture = drawn_texture(image, label, random)
    grain = np.stack([grain_of(plane) for plane in image])
    course, donors = _course(side, random), _donors(image, label)
    axon = _painted(course, lows, random)
    drift = random.normal(0, DRIFT, 2)
    moves = [tuple(round(d * (index - middle)) for d in drift) for index in range(len(image))]
    offset = tuple(int(d) for d in random.integers(side, size=2))
    for index, plane in enumerate(image):
        cover, values, pale_share = (
            np.roll(a, moves[index], axis=(0, 1)) for a in (axon.within, axon.body, axon.inside)
        )
        own = texture[index] * (1 - pale_share) + np.roll(grain[index], offset, axis=(0, 1)) * pale_share
        image[index] = np.clip(plane * (1 - cover) + (values + own) * cover, 0, 255).astype(np.uint8)
    label[axon.within > 0.5] = 0
    for _ in range(random.choice(MITOCHONDRIA) if donors else 0):
        _put(image, label, donors[random.integers(len(donors))], course, axon.room, moves, random)
    return image, label


@dataclass(frozen=True, slots=True)
class Axon:
    """A painted axon; arrays are float32 (side, side). within: 1 in the axon and its sheath; inside: 1 in the axon.

    Both fade out at the edge. body: grey values without texture. room: pixels from the middle line to the sheath.
    """

    within: FLOAT
    inside: FLOAT
    body: FLOAT
    room: float


def _painted(course: Course, lows: NDArray[np.float64], random: np.random.Generator) -> Axon:
    """Return an axon with a sheath, a pale cleft, a membrane, and filaments along its course."""
    half = _between(HALF_WIDTH, random)
    sheath = min(_between(SHEATH, random), LARGEST_SHEATH_SHARE * half)
    edge = half * (1 + 0.15 * _wave(course.along, 150, random))
    inner_edge = edge - sheath * (1 + 0.15 * _wave(course.along, 60, random))
    away, softness = np.abs(course.across), random.uniform(1.5, 4)
    within, inside = (np.clip(0.5 - (away - e) / softness, 0, 1).astype(np.float32) for e in (edge, inner_edge))
    # A sheath is as dark as mitochondria: only its course distinguishes it.
    dark = random.uniform(0.8 * lows[1], 0.6 * lows[1] + 0.4 * lows[2])
    dark = dark + random.uniform(2, 8) * _streaks(course, 120, 1.5, random)
    pale = random.uniform(0.5 * (lows[2] + lows[3]), 1.15 * lows[3])
    lengthwise = _streaks(course, 40, 2.5, random)
    filaments = np.clip(lengthwise - 1.4, 0, 1.5) * random.uniform(0, 70)
    cleft = random.uniform(4, 14) * (1 + 0.4 * _wave(course.along, 60, random))
    membrane = np.exp(-(((away - inner_edge + cleft) / random.uniform(1.2, 2.5)) ** 2)) * random.uniform(20, 100)
    pale = pale + random.uniform(2, 10) * lengthwise - filaments - membrane
    return Axon(within, inside, np.asarray(dark * (1 - inside) + pale * inside, np.float32), half - sheath)


@dataclass(frozen=True, slots=True)
class Donor:
    """A mitochondrion with its surroundings. planes: (sections, y, x); cover: (y, x), 1 on it, fading out.

    axes: unit vectors (y, x) of its length and breadth; breadth: half of it, in pixels.
    """

    planes: FLOAT
    cover: FLOAT
    axes: NDArray[np.float64]
    breadth: float


def _donors(image: UINT8, label: UINT8) -> list[Donor]:
    parts, _ = numbered(label == 1)
    side = label.shape[0]
    donors = []
    for number, place in enumerate(find_objects(parts), 1):
        (top, bottom), (left, right) = ((s.start, s.stop) for s in place)
        if top == 0 or left == 0 or bottom == side or right == side:
            continue  # cut off by the patch's edge
        margin = int(2 * RIM)
        box = (slice(max(0, top - margin), bottom + margin), slice(max(0, left - margin), right + margin))
        own = parts[box] == number
        if not SMALLEST_AREA <= own.sum() <= LARGEST_AREA:
            continue
        points = np.argwhere(own)
        variances, axes = np.linalg.eigh(np.cov(points.T))
        cover = np.clip(2 * gaussian_filter(own.astype(np.float32), RIM / 2), 0, 1)
        donors.append(Donor(image[:, *box].astype(np.float32), cover, axes.T[::-1], 2 * float(variances[0]) ** 0.5))
    return donors


def _put(
    image: UINT8,
    label: UINT8,
    donor: Donor,
    course: Course,
    room: float,
    moves: Sequence[tuple[int, ...]],
    random: np.random.Generator,
) -> None:
    """Copy a donor to a random place on the course, stretched, where it fits within `room` of the middle line."""
    broad = min(1.0, 0.8 * room / donor.breadth)
    at = int(random.integers(len(course.points)))
    tangent = course.tangents[at]
    normal = np.array([-tangent[1], tangent[0]])
    free = max(0.0, room - broad * donor.breadth - RIM)
    centre = course.points[at] + normal * random.uniform(-free, free)
    turned = donor.axes * random.choice([-1, 1], (2, 1))
    stretch = _between(STRETCH, random) * broad**0.5
    # Maps a place in the patch to one in the donor, whose length is along the axon.
    matrix = np.outer(turned[0], tangent) / stretch + np.outer(turned[1], normal) / broad
    reach = int(stretch * np.hypot(*donor.cover.shape) / 2) + 1
    for index, plane in enumerate(image):
        top, left = (round(c) - reach + m for c, m in zip(centre, moves[index], strict=True))
        rows, columns = (slice(max(0, start), max(0, start + 2 * reach)) for start in (top, left))
        target = plane[rows, columns]
        if not target.size:
            continue
        corner = np.array([rows.start - top - reach, columns.start - left - reach], float)
        offset = (np.array(donor.cover.shape) - 1) / 2 + matrix @ corner
        options = {"output_shape": target.shape, "order": 1}
        cover = affine_transform(donor.cover, matrix, offset, **options)
        values = affine_transform(donor.planes[index], matrix, offset, mode="nearest", **options)
        target[:] = (target * (1 - cover) + values * cover).astype(np.uint8)
        if index == image.shape[0] // 2:
            label[rows, columns][cover > 0.5] = 1


def _course(side: int, random: np.random.Generator) -> Course:
    """Return a bent line that begins and ends outside of the patch."""
    turn = random.uniform(0, 2 * np.pi)
    through = random.uniform(0.15, 0.85, 2) * side
    reach = 1.2 * side * np.array([np.cos(turn), np.sin(turn)])
    bend = random.uniform(-BEND, BEND) * np.array([-reach[1], reach[0]])
    t = np.linspace(-1, 1, 2 * int(1.5 * side / STEP))[:, None]
    points = through + t * reach + t**2 * bend
    steps = np.gradient(points, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    tangents = steps / lengths[:, None]
    travelled = np.cumsum(lengths)
    coarse = np.arange(0, side + STEP, STEP, dtype=float)
    grid = np.stack(np.meshgrid(coarse, coarse, indexing="ij"), axis=-1)
    _, nearest = cKDTree(points).query(grid)
    apart = grid - points[nearest]
    tangent = tangents[nearest]
    across = apart[..., 1] * tangent[..., 0] - apart[..., 0] * tangent[..., 1]
    along = travelled[nearest] + (apart * tangent).sum(axis=-1)
    places = np.mgrid[:side, :side] / STEP
    fine_along, fine_across = (map_coordinates(a, places, np.float32, order=1) for a in (along, across))
    is_within = ((points >= 0) & (points < side)).all(axis=1)
    return Course(points[is_within], tangents[is_within], fine_along, fine_across)


def _streaks(course: Course, length: float, breadth: float, random: np.random.Generator) -> FLOAT:
    """Return noise of unit size that is `length` pixels long along the course and `breadth` across it."""
    noise = random.standard_normal((256, 512)).astype(np.float32)
    places = np.stack([course.along / length % 255, course.across / breadth % 511])
    found: FLOAT = map_coordinates(noise, places, np.float32, order=1, mode="grid-wrap")
    return found


def _wave(along: FLOAT, length: float, random: np.random.Generator) -> FLOAT:
    """Return a smooth change along the course, of about unit size."""
    noise = gaussian_filter1d(random.standard_normal(256), 1.5, mode="wrap")
    noise /= noise.std()
    return np.asarray(np.interp(along / length * 2 % 255, np.arange(256), noise), np.float32)


def _between(limits: tuple[float, float], random: np.random.Generator) -> float:
    """Return a number between limits, uniform in its logarithm."""
    return float(np.exp(random.uniform(*np.log(limits))))
