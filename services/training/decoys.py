"""Dark things that are no object, drawn over training patches: myelin-like ribbons and lysosome-like bodies.

A few sections of one block hold few of them, and a network that has seen few marks them as mitochondria. Shapes and
grey values are drawn at random; the darkness and the fine grain are those of the patch itself, so that only shape and
surroundings tell a decoy from the object.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter

UINT8 = NDArray[np.uint8]
FLOAT = NDArray[np.float32]

MARGIN = 32  # pixels drawn beyond the patch, so that shapes can move between sections
RIBBONS = (0, 1, 1, 2)
RIBBON_HALF_WIDTH = (5.0, 24.0)
BODIES = (0, 0, 1, 3, 6)
BODY_RADIUS = (3.0, 14.0)
RIM = 3.0  # pixels of pale gap around a ribbon
SOFTNESS = 1.5  # pixels over which an edge fades
GRAIN_SIGMA, LARGEST_GRAIN = 1.0, 20.0  # what is finer than this many pixels is grain; edges are clipped


@dataclass(frozen=True, slots=True)
class Shape:
    """distance: float32 (side, side), pixels outside of the shape's edge, negative inside; with the margin.

    grey: its own value; rim: a pale gap of this many pixels lies around it; drift: pixels (y, x) per section.
    """

    distance: FLOAT
    grey: float
    rim: float
    drift: tuple[float, float]


def add_decoys(image: UINT8, label: UINT8, random: np.random.Generator) -> tuple[UINT8, UINT8]:
    """Return copies with a few decoys drawn in, and labelled 0 where they lie in the middle section.

    image: uint8 (sections, side, side); label: uint8 (side, side).
    """
    image, label = image.copy(), label.copy()
    side = label.shape[0]
    lows = np.percentile(image[image.shape[0] // 2], (1, 3, 25, 70))
    grain = [_grain(plane) for plane in image]
    shapes = [_ribbon(side, lows, random) for _ in range(random.choice(RIBBONS))]
    shapes += [_body(side, lows, random) for _ in range(random.choice(BODIES))]
    for shape in shapes:
        _draw(image, label, shape, grain, float(lows[3]), random)
    return image, label


def _ribbon(side: int, lows: NDArray[np.float64], random: np.random.Generator) -> Shape:
    """Return a band of nearly constant width along a quadratic curve, sometimes closed around an axon."""
    full = side + 2 * MARGIN
    if random.random() < 0.3:
        centre, radii = random.uniform(0, full, 2), random.uniform(0.06, 0.25, 2) * side
        angles = np.linspace(0, 2 * np.pi, 60) + random.uniform(0, np.pi)
        points = centre + np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles + 0.4)], axis=1)
    else:
        ends = random.uniform(-0.1, 1.1, (3, 2)) * full
        t = np.linspace(0, 1, 60)[:, None]
        points = (1 - t) ** 2 * ends[0] + 2 * t * (1 - t) * ends[1] + t**2 * ends[2]
    line = Image.new("1", (full, full), 1)
    ImageDraw.Draw(line).line([(float(x), float(y)) for y, x in points], fill=0)
    half_width = float(np.exp(random.uniform(*np.log(RIBBON_HALF_WIDTH))))
    widths = half_width * (1 + 0.3 * _smooth_noise(full, 6, random))
    distance = distance_transform_edt(np.asarray(line)) - widths
    grey = float(random.uniform(lows[0], lows[2]))
    drift = tuple(random.normal(0, 1.5, 2))
    return Shape(np.asarray(distance, np.float32), grey, RIM * float(random.random()), (drift[0], drift[1]))


def _body(side: int, lows: NDArray[np.float64], random: np.random.Generator) -> Shape:
    """Return an uneven ellipse, darker than nearly all of the patch."""
    full = side + 2 * MARGIN
    centre = random.uniform(MARGIN, full - MARGIN, 2)
    low, high = np.log(BODY_RADIUS)
    radii = np.exp(random.uniform(low, high, 2))
    turn = random.uniform(0, np.pi)
    y, x = np.mgrid[:full, :full].astype(np.float32)
    along = ((x - centre[1]) * np.cos(turn) + (y - centre[0]) * np.sin(turn)) / radii[0]
    across = ((y - centre[0]) * np.cos(turn) - (x - centre[1]) * np.sin(turn)) / radii[1]
    uneven = 1 + 0.2 * _smooth_noise(full, 24, random)
    distance = (np.hypot(along, across) - uneven) * float(radii.min())
    grey = float(random.uniform(0.3, 1.0) * lows[0])
    drift = tuple(random.normal(0, 2.5, 2))
    return Shape(np.asarray(distance, np.float32), grey, 0.0, (drift[0], drift[1]))


def _draw(
    image: UINT8, label: UINT8, shape: Shape, grain: list[FLOAT], pale: float, random: np.random.Generator
) -> None:
    side, middle = label.shape[0], image.shape[0] // 2
    unevenness = 8 * float(random.random()) * _smooth_noise(side, 16, random)
    for index, plane in enumerate(image):
        top, left = (MARGIN + round(d * (index - middle)) for d in shape.drift)
        top, left = (min(max(start, 0), 2 * MARGIN) for start in (top, left))
        distance = shape.distance[top : top + side, left : left + side]
        # Grain from elsewhere, so that what lies under the shape does not show through it.
        own_grain = np.roll(grain[index], tuple(random.integers(side, size=2)), axis=(0, 1))
        inside = np.clip(0.5 - distance / SOFTNESS, 0, 1)
        around = np.clip(0.5 - (distance - shape.rim) / SOFTNESS, 0, 1) if shape.rim > 0.5 else inside
        changed = plane * (1 - around) + (pale + own_grain) * around
        changed = changed * (1 - inside) + (shape.grey + unevenness + own_grain) * inside
        image[index] = np.clip(changed, 0, 255).astype(np.uint8)
        if index == middle:
            label[around > 0.5] = 0


def _grain(plane: UINT8) -> FLOAT:
    fine = plane - gaussian_filter(plane.astype(np.float32), GRAIN_SIGMA)
    return np.asarray(fine.clip(-LARGEST_GRAIN, LARGEST_GRAIN), np.float32)


def _smooth_noise(side: int, cells: int, random: np.random.Generator) -> FLOAT:
    """Return float32 (side, side) smooth noise of about unit size with `cells` waves along a side."""
    coarse = Image.fromarray(random.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float32)
