"""Random patches from labelled stacks.

Place, scale, decoys, deformation, symmetry and lost sections are drawn with a patch; grey values are changed afterwards
(`augment`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream_training.augment.augment import ELASTIC_SHARE, deform
from emstream_training.augment.axons import AXON_SHARE, add_axon
from emstream_training.augment.decoys import add_decoys
from emstream_training.augment.lost_sections import spoil_neighbours
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.data.layers import IGNORE, UINT8
from emstream_training.settings import TrainingSettings

SAMPLING_STEP = 8
"""Distance in pixels between the labels that are looked at to find structure in a patch."""
LEAST_STRUCTURE = 0.02
"""Minimum share of structure in a patch that is used without another draw."""


class PatchSampler:
    """Draws random patches; a batch depends on the seed and the step only."""

    def __init__(self, stacks: Sequence[LabelledStack], settings: TrainingSettings) -> None:
        self.stacks = stacks
        self.sections = settings.sections
        self.patch = settings.patch
        self.scale = settings.scale
        self.seed = settings.seed
        weights = np.array([s.source.weight for s in stacks], float)
        self.weights = weights / weights.sum()
        self._labelled = [[z for z, label in enumerate(s.labels) if (label != IGNORE).any()] for s in stacks]

    def batch(self, step: int, size: int) -> tuple[UINT8, UINT8]:
        """Return images (size, sections, patch, patch) uint8 and labels (size, patch, patch) uint8 0, 1 or IGNORE."""
        random = np.random.default_rng((self.seed, step))
        pairs = [self._patch(random) for _ in range(size)]
        return np.stack([image for image, _ in pairs]), np.stack([label for _, label in pairs])

    def _patch(self, random: np.random.Generator) -> tuple[UINT8, UINT8]:
        number = int(random.choice(len(self.stacks), p=self.weights))
        stack, z = self.stacks[number], int(random.choice(self._labelled[number]))
        side = round(self.patch * float(np.exp(random.uniform(-1, 1) * np.log(self.scale))))
        crop = _Crop(*self._corner(stack, z, side, random), side, self.patch)
        image = np.stack([crop.grey(stack.images[index]) for index in self._planes(stack, z, random)])
        label = crop.label(stack.labels[z])
        if random.random() < stack.source.decoys:
            if random.random() < AXON_SHARE:
                image, label = add_axon(image, label, random)
            image, label = add_decoys(image, label, random)
            outside = crop.is_outside(stack.labels[z])
            image[:, outside], label[outside] = 0, IGNORE  # a section's edge cuts shapes off
        if random.random() < ELASTIC_SHARE:
            image, label = deform(image, label, random)
        image, label = _turn(image, label, int(random.integers(8)))
        return spoil_neighbours(image, random), label

    def _planes(self, stack: LabelledStack, z: int, random: np.random.Generator) -> list[int]:
        """Return the positions of section z and its neighbours, in order; missing neighbours repeat the nearest."""
        step = int(random.choice(stack.source.z_steps)) if stack.source.is_stack else 0
        half = self.sections // 2
        first, last = _ends(random, half)
        planes = [z + step * min(max(k, first), last) for k in range(-half, half + 1)]
        return [min(max(plane, 0), len(stack.images) - 1) for plane in planes]

    def _corner(self, stack: LabelledStack, z: int, side: int, random: np.random.Generator) -> tuple[int, int]:
        """Return a corner (y, x): the first of three draws whose patch has labelled structure, or else the third."""
        height, width = stack.labels[z].shape
        for _ in range(3):
            y, x = (_start(length, side, random) for length in (height, width))
            label = stack.labels[z][max(y, 0) : y + side : SAMPLING_STEP, max(x, 0) : x + side : SAMPLING_STEP]
            wanted = 0 if stack.source.kind == "negative" else 1
            if (label == wanted).mean() > LEAST_STRUCTURE:
                break
        return y, x


def _start(length: int, side: int, random: np.random.Generator) -> int:
    """Return a random start of a patch along one axis.

    Up to an eighth of the patch is outside of the section, and more where the section is smaller than the patch.
    """
    room = length - side
    return int(random.integers(min(0, room) - side // 8, max(0, room) + side // 8 + 1))


def _ends(random: np.random.Generator, half: int) -> tuple[int, int]:
    """Return the first and last neighbour that exist: a fifth of the patches are at an end of a stack, or alone."""
    draw = random.random()
    first = 0 if draw < 0.07 or draw > 0.94 else -half
    last = 0 if 0.07 <= draw < 0.14 or draw > 0.94 else half
    return first, last


@dataclass(frozen=True, slots=True)
class _Crop:
    """A square of `side` pixels with its corner at (y, x), which may be outside, resampled to `patch` pixels."""

    y: int
    x: int
    side: int
    patch: int

    def grey(self, plane: UINT8) -> UINT8:
        """Return grey values, interpolated; 0 outside of the plane."""
        return self._of(plane, Image.Resampling.BILINEAR, 0)

    def label(self, plane: UINT8) -> UINT8:
        """Return labels, never mixed; IGNORE outside of the plane."""
        return self._of(plane, Image.Resampling.NEAREST, IGNORE)

    def is_outside(self, plane: UINT8) -> NDArray[np.bool_]:
        """Return where the square is outside of the plane."""
        return np.asarray(self._of(np.zeros_like(plane), Image.Resampling.NEAREST, 1) == 1)

    def _of(self, plane: UINT8, how: Image.Resampling, outside: int) -> UINT8:
        cut = plane[max(self.y, 0) : self.y + self.side, max(self.x, 0) : self.x + self.side]
        if cut.shape != (self.side, self.side):
            full = np.full((self.side, self.side), outside, np.uint8)
            top, left = max(-self.y, 0), max(-self.x, 0)
            full[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
            cut = full
        if self.side == self.patch:
            return cut
        return np.asarray(Image.fromarray(cut).resize((self.patch, self.patch), how), np.uint8)


def _turn(image: UINT8, label: UINT8, symmetry: int) -> tuple[UINT8, UINT8]:
    """Apply one of the eight symmetries of the square."""
    image, label = np.rot90(image, symmetry % 4, axes=(1, 2)), np.rot90(label, symmetry % 4)
    if symmetry >= 4:
        image, label = image[:, :, ::-1], label[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(label)
