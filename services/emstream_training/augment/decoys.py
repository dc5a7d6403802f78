"""Decoys over training patches: dark shapes that are no structure, like myelin sheaths and lysosomes.

A few sections of one block hold few of them, and a network that has seen few marks them as mitochondria. Shapes and
grey values are random; darkness and texture are those of the patch itself. A sheath is closed, or leaves the patch at
both ends, and is as dark as the darkest pixels of the patch: a short band with a mitochondrion's grey would look like a
long mitochondrion, and the network would learn not to mark these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt

from emstream_training.augment.texture import grain_of, texture_of

UINT8 = NDArray[np.uint8]
FLOAT = NDArray[np.float32]

MARGIN = 32
"""Pixels beyond the patch on which shapes are drawn, so that they can move between sections."""
SHEATHS = (0, 1, 1, 2)
"""Numbers of sheaths in a patch, equally likely."""
SHEATH_HALF_WIDTH = (3.0, 16.0)
"""Range of half a sheath's width in pixels."""
SHEATH_RADIUS = (0.04, 0.25)
"""Range of a closed sheath's radius, as a share of the patch's side."""
CLOSED_SHARE = 0.75
"""Share of the sheaths that are closed; the others cross the patch."""
BODIES = (0, 0, 1, 3, 6)
"""Numbers of bodies in a patch, equally likely."""
BODY_RADIUS = (3.0, 26.0)
"""Range of a body's radius in pixels."""
LOBES = (1, 1, 2, 3)
"""Numbers of ellipses that make a body, equally likely."""
RIMMED_SHARE = 0.5
"""Share of the bodies with a pale gap around them."""
RIM = 3.0
"""Maximum width in pixels of the pale gap around a sheath; around a body it is twice as wide."""
SOFTNESS = (1.5, 5.0)
"""Range of the width in pixels over which an edge fades."""
TEXTURED_SHARE = 0.75
"""Share of the patches whose shapes have the texture of mitochondria; in the others they have grain."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A decoy. distance: float32 (side, side) with the margin, pixels to the shape's edge, negative inside.

    grey: mean grey value; unevenness: its variation within the shape, in grey values; rim: width in pixels of a pale
    gap around the shape; softness: pixels over which its edge fades; drift: move (y, x) in pixels per section.
    """

    distance: FLOAT
    grey: float
    unevenness: float
    rim: float
    softness: float
    drift: tuple[float, float]


def add_decoys(image: UINT8, label: UINT8, random: np.random.Generator) -> tuple[UINT8, UINT8]:
    """Return copies with a few decoys, which are labelled 0 where they cover the middle section.

    image: uint8 (sections, side, side); label: uint8 (side, side).
    """
    image, label = image.copy(), label.copy()
    side = label.shape[0]
    lows = grey_levels(image)
    texture = drawn_texture(image, label, random)
    shapes = [_sheath(side, lows, random) for _ in range(random.choice(SHEATHS))]
    shapes += [_body(side, lows, random) for _ in range(random.choice(BODIES))]
    for shape in shapes:
        _draw(image, label, shape, texture, float(lows[3]), random)
    return image, label


def _sheath(side: int, lows: NDArray[np.float64], random: np.random.Generator) -> Shape:
    """Return a band of nearly constant width: closed around an axon, or along a curve that leaves the patch."""
    full = side + 2 * MARGIN
    points = _ring(side, random) if random.random() < CLOSED_SHARE else _crossing(full, random)
    line = Image.new("1", (full, full), 1)
    ImageDraw.Draw(line).line([(float(x), float(y)) for y, x in points], fill=0)
    half_width = float(np.exp(random.uniform(*np.log(SHEATH_HALF_WIDTH))))
    widths = half_width * (1 + 0.25 * _smooth_noise(full, 8, random))
    distance = np.asarray(distance_transform_edt(np.asarray(line)) - widths, np.float32)
    grey = float(random.uniform(0.7 * lows[0], 0.8 * lows[1] + 0.2 * lows[2]))
    drift = tuple(random.normal(0, 1.5, 2))
    rim = RIM * float(random.random())
    return Shape(
        distance, grey, 8 * float(random.random()), rim, float(random.uniform(*SOFTNESS)), (drift[0], drift[1])
    )


def _ring(side: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return points (n, 2), (y, x), of a dented ellipse."""
    centre = random.uniform(0, side + 2 * MARGIN, 2)
    low, high = np.log(SHEATH_RADIUS)
    radii = np.exp(random.uniform(low, high, 2)) * side
    angles = np.linspace(0, 2 * np.pi, 80)
    waves = [random.normal(0, 0.12 / k) * np.cos(k * angles + random.uniform(0, 7)) for k in (2, 3, 4)]
    dents = np.sum(waves, axis=0)
    turn = random.uniform(0, np.pi)
    y, x = radii[0] * (1 + dents) * np.cos(angles), radii[1] * (1 + dents) * np.sin(angles)
    turned = np.stack([y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)], axis=1)
    return np.asarray(centre + turned, np.float64)


def _crossing(full: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return points (n, 2), (y, x), of a quadratic curve that begins and ends outside of the patch."""
    turn = random.uniform(0, 2 * np.pi)
    middle = random.uniform(0.15, 0.85, 2) * full
    reach = 1.5 * full * np.array([np.cos(turn), np.sin(turn)])
    bend = random.uniform(-0.6, 0.6) * np.array([-reach[1], reach[0]])
    t = np.linspace(-1, 1, 80)[:, None]
    return np.asarray(middle + t * reach + t**2 * bend, np.float64)


def _body(side: int, lows: NDArray[np.float64], random: np.random.Generator) -> Shape:
    """Return a body of one to three uneven ellipses, darker than nearly all of the patch."""
    full = side + 2 * MARGIN
    centre = random.uniform(MARGIN, full - MARGIN, 2)
    size = float(np.exp(random.uniform(*np.log(BODY_RADIUS))))
    distance = np.full((full, full), float(full), np.float32)
    reach = int(4 * size) + 2 * int(SOFTNESS[1])
    top, left = (max(0, int(c) - reach) for c in centre)
    y, x = np.mgrid[top : min(full, top + 2 * reach), left : min(full, left + 2 * reach)].astype(np.float32)
    part = distance[top : top + 2 * reach, left : left + 2 * reach]
    for lobe in range(random.choice(LOBES)):
        radii = size * np.exp(random.uniform(-0.5, 0.1, 2))
        middle = centre + (random.normal(0, size, 2) if lobe else 0)
        turn = random.uniform(0, np.pi)
        along = ((x - middle[1]) * np.cos(turn) + (y - middle[0]) * np.sin(turn)) / radii[0]
        across = ((y - middle[0]) * np.cos(turn) - (x - middle[1]) * np.sin(turn)) / radii[1]
        np.minimum(part, (np.hypot(along, across) - 1) * float(radii.min()), out=part)
    part += 0.2 * size * _smooth_noise(2 * reach, 12, random)[: part.shape[0], : part.shape[1]]
    grey = float(random.uniform(0.1, 1.0) * lows[0])
    drift = tuple(random.normal(0, 2.5, 2))
    softness = float(random.uniform(SOFTNESS[0], 0.6 * SOFTNESS[1]))
    rim = 2 * RIM * float(random.random()) if random.random() < RIMMED_SHARE else 0.0
    return Shape(distance, grey, 30 * float(random.random()) ** 2, rim, softness, (drift[0], drift[1]))


def _draw(image: UINT8, label: UINT8, shape: Shape, texture: FLOAT, pale: float, random: np.random.Generator) -> None:
    side, middle = label.shape[0], image.shape[0] // 2
    unevenness = shape.unevenness * _smooth_noise(side, 48, random)
    offset = tuple(int(d) for d in random.integers(side, size=2))
    for index, plane in enumerate(image):
        top, left = (MARGIN + round(d * (index - middle)) for d in shape.drift)
        top, left = (min(max(start, 0), 2 * MARGIN) for start in (top, left))
        distance = shape.distance[top : top + side, left : left + side]
        # Texture from another place, so that the tissue under the shape does not show through.
        own = np.roll(texture[index], offset, axis=(0, 1))
        inside = np.clip(0.5 - distance / shape.softness, 0, 1)
        around = np.clip(0.5 - (distance - shape.rim) / shape.softness, 0, 1) if shape.rim > 0.5 else inside
        changed = plane * (1 - around) + (pale + own) * around
        changed = changed * (1 - inside) + (shape.grey + unevenness + own) * inside
        image[index] = np.clip(changed, 0, 255).astype(np.uint8)
        if index == middle:
            label[around > 0.5] = 0


def drawn_texture(image: UINT8, label: UINT8, random: np.random.Generator) -> FLOAT:
    """Return the texture of shapes: deviations from their grey values, float32 (sections, side, side)."""
    if random.random() < TEXTURED_SHARE:
        return texture_of(image, label, random)
    return np.stack([grain_of(plane) for plane in image])


def grey_levels(image: UINT8) -> NDArray[np.float64]:
    """Return the 1st, 3rd, 25th and 70th percentile of the middle section's grey values."""
    return np.asarray(np.percentile(image[image.shape[0] // 2], (1, 3, 25, 70)), np.float64)


def _smooth_noise(side: int, cells: int, random: np.random.Generator) -> FLOAT:
    """Return float32 (side, side) smooth noise of about unit size with `cells` waves along a side."""
    coarse = Image.fromarray(random.standard_normal((cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float32)
