"""Random patches from labelled stacks.

Drawn with a patch are its place, scale, decoys, deformation, symmetry, and faults between sections; grey values are
changed afterwards (`augment`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from emstream_training.augment.axons import AXON_SHARE, add_axon
from emstream_training.augment.decoys import add_decoys
from emstream_training.augment.elastic import ELASTIC_SHARE, deform
from emstream_training.augment.lost_sections import spoil_neighbours
from emstream_training.data.label_values import IGNORE
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.data.layers import UINT8


class PatchSampler:
    """Draws random patches; what it draws is a function of (seed, step) alone."""

    def __init__(self, stacks: Sequence[LabelledStack], sections: int, patch: int, scale: float, seed: int) -> None:
        self.stacks = stacks
        self.sections = sections
        self.patch = patch
        self.scale = scale
        self.seed = seed
        weights = np.array([s.source.weight for s in stacks], float)
        self.weights = weights / weights.sum()

    def batch(self, step: int, size: int) -> tuple[UINT8, UINT8]:
        """Return images (size, sections, patch, patch) uint8 and labels (size, patch, patch) uint8 0, 1 or IGNORE."""
        random = np.random.default_rng((self.seed, step))
        pairs = [self._patch(random) for _ in range(size)]
        return np.stack([image for image, _ in pairs]), np.stack([label for _, label in pairs])

    def _patch(self, random: np.random.Generator) -> tuple[UINT8, UINT8]:
        stack = self.stacks[random.choice(len(self.stacks), p=self.weights)]
        z = int(random.integers(len(stack.images)))
        side = round(self.patch * float(np.exp(random.uniform(-1, 1) * np.log(self.scale))))
        y, x = self._corner(stack, z, side, random)
        step = int(random.choice(stack.source.z_steps)) if stack.source.is_stack else 0
        half = self.sections // 2
        first, last = _ends(random, half)
        planes = [z + step * min(max(k, first), last) for k in range(-half, half + 1)]
        planes = [min(max(p, 0), len(stack.images) - 1) for p in planes]
        image = np.stack([_crop(stack.images[p], y, x, side, self.patch, Image.Resampling.BILINEAR, 0) for p in planes])
        label = _crop(stack.labels[z], y, x, side, self.patch, Image.Resampling.NEAREST, IGNORE)
        if random.random() < stack.source.decoys:
            if random.random() < AXON_SHARE:
                image, label = add_axon(image, label, random)
            image, label = add_decoys(image, label, random)
            outside = _crop(np.zeros_like(stack.labels[z]), y, x, side, self.patch, Image.Resampling.NEAREST, 1) == 1
            image[:, outside], label[outside] = 0, IGNORE  # a section's edge cuts shapes off
        if random.random() < ELASTIC_SHARE:
            image, label = deform(image, label, random)
        image, label = _turn(image, label, int(random.integers(8)))
        return spoil_neighbours(image, random), label

    def _corner(self, stack: LabelledStack, z: int, side: int, random: np.random.Generator) -> tuple[int, int]:
        """Return a corner; of three draws the one with labelled structure, if any has it."""
        height, width = stack.labels[z].shape
        for _ in range(3):
            y, x = (_start(length, side, random) for length in (height, width))
            label = stack.labels[z][max(y, 0) : y + side : 8, max(x, 0) : x + side : 8]
            wanted = 0 if stack.source.kind == "negative" else 1
            if (label == wanted).mean() > 0.02:
                break
        return y, x


def _start(length: int, side: int, random: np.random.Generator) -> int:
    """Return where a patch begins: up to an eighth of it lies outside; more where the section is smaller than it."""
    room = length - side
    return int(random.integers(min(0, room) - side // 8, max(0, room) + side // 8 + 1))


def _ends(random: np.random.Generator, half: int) -> tuple[int, int]:
    """Return the first and last neighbour that exist: a fifth of the patches lie at an end of a stack, or alone."""
    draw = random.random()
    first = 0 if draw < 0.07 or draw > 0.94 else -half
    last = 0 if 0.07 <= draw < 0.14 or draw > 0.94 else half
    return first, last


def _crop(plane: UINT8, y: int, x: int, side: int, patch: int, how: Image.Resampling, outside: int) -> UINT8:
    cut = plane[max(y, 0) : y + side, max(x, 0) : x + side]
    if cut.shape != (side, side):
        full = np.full((side, side), outside, np.uint8)
        top, left = max(-y, 0), max(-x, 0)
        full[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
        cut = full
    if side == patch:
        return cut
    return np.asarray(Image.fromarray(cut).resize((patch, patch), how), np.uint8)


def _turn(image: UINT8, label: UINT8, symmetry: int) -> tuple[UINT8, UINT8]:
    """Apply one of the eight symmetries of the square."""
    image, label = np.rot90(image, symmetry % 4, axes=(1, 2)), np.rot90(label, symmetry % 4)
    if symmetry >= 4:
        image, label = image[:, :, ::-1], label[:, ::-1]
    return np.ascontiguousarray(image), np.ascontiguousarray(label)
