"""Labelled stacks in memory, and random patches from them.

A data set is a folder of sections with a folder of labels, a pixel size, and a sampling weight. Largest arrays held:
the uint8 sections and labels of all data sets (a few hundred megabytes for the shipped checkpoints).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import TrainingDataUnusable
from services.training.decoys import add_decoys

UINT8 = NDArray[np.uint8]
IGNORE = 255  # in label patches: no loss here


@dataclass(frozen=True, slots=True)
class Source:
    """One line of a training file: where sections and labels are, and how to use them.

    kind: "full" = every pixel labelled; "negative" = non-zero labels are surely *not* the object, the rest is unknown.
    first, last: section positions (after sorting) that may be used, last inclusive; None = all.
    z_steps: neighbours are taken this many sections apart, at random (isotropic data imitate thicker sections).
    decoys: share of the patches into which dark things that are no object are drawn (`decoys`).
    """

    images: Path
    labels: Path
    weight: float = 1.0
    pixel_size_nm: float | None = None
    kind: str = "full"
    first: int = 0
    last: int | None = None
    z_steps: tuple[int, ...] = (1,)
    is_stack: bool = True
    decoys: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in ("full", "negative"):
            raise TrainingDataUnusable(f"kind must be 'full' or 'negative', got {self.kind!r} for {self.images}")


@dataclass(frozen=True, slots=True)
class LabelledStack:
    """A source, read. images: uint8 per section (h, w); labels: uint8 0, 1 or IGNORE, the same shapes."""

    source: Source
    images: tuple[UINT8, ...]
    labels: tuple[UINT8, ...]


def read_sources(path: Path, key: str) -> list[Source]:
    """Return the sources listed under `key` of a JSON training file; relative folders are relative to the file.

    Raises TrainingDataUnusable if the file cannot be read as one.
    """
    try:
        return [_source(row, path.parent) for row in json.loads(path.read_text())[key]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingDataUnusable(
            f"{path} is no training file: {type(error).__name__} {error}. It must be JSON with 'sources' and "
            '\'validation\', each a list of {"images": FOLDER, "labels": FOLDER, "weight": 1.0, ...}'
        ) from error


def _source(row: dict[str, object], base: Path) -> Source:
    fields = dict(row)
    fields["images"] = base / str(fields["images"])
    fields["labels"] = base / str(fields["labels"])
    if "z_steps" in fields:
        fields["z_steps"] = tuple(fields["z_steps"])  # type: ignore[arg-type]  # JSON lists; checked by use
    return Source(**fields)  # type: ignore[arg-type]  # dataclass names check the keys


def load_stack(source: Source) -> LabelledStack:
    """Read a source's sections and labels.

    Raises TrainingDataUnusable if folders are missing or empty, or sizes do not match.
    """
    image_paths, label_paths = _section_paths(source.images), _section_paths(source.labels)
    if len(image_paths) != len(label_paths):
        raise TrainingDataUnusable(
            f"{source.images} has {len(image_paths)} sections and {source.labels} has {len(label_paths)}: "
            "give one label image for each section"
        )
    stop = None if source.last is None else source.last + 1
    images, labels = [], []
    for image_path, label_path in list(zip(image_paths, label_paths, strict=True))[source.first : stop]:
        image = np.asarray(Image.open(image_path).convert("L"), np.uint8)
        marked = np.asarray(_palette_safe(label_path)) > 0
        if image.shape != marked.shape:
            raise TrainingDataUnusable(
                f"{image_path} is {image.shape} and {label_path} is {marked.shape}: sizes must match"
            )
        images.append(image)
        labels.append(_label(marked, source.kind))
    if not images:
        raise TrainingDataUnusable(f"{source.images} has no sections {source.first} to {source.last}")
    return LabelledStack(source, tuple(images), tuple(labels))


def _section_paths(folder: Path) -> list[Path]:
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".png", ".tif", ".tiff"))
    if not paths:
        raise TrainingDataUnusable(f"{folder} has no PNG or TIFF sections: give a folder of images")
    return paths


def _palette_safe(path: Path) -> Image.Image:
    image = Image.open(path)
    return image.convert("L") if image.mode in ("P", "RGB", "RGBA") else image


def _label(marked: NDArray[np.bool_], kind: str) -> UINT8:
    if kind == "full":
        return marked.astype(np.uint8)
    return np.where(marked, 0, IGNORE).astype(np.uint8)


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
            image, label = add_decoys(image, label, random)
        return _turn(image, label, int(random.integers(8)))

    def _corner(self, stack: LabelledStack, z: int, side: int, random: np.random.Generator) -> tuple[int, int]:
        """Return a corner; of three draws the one with labelled structure, if any has it."""
        height, width = stack.labels[z].shape
        for _ in range(3):
            y = int(random.integers(-(side // 8), max(1, height - side + side // 8)))
            x = int(random.integers(-(side // 8), max(1, width - side + side // 8)))
            label = stack.labels[z][max(y, 0) : y + side : 8, max(x, 0) : x + side : 8]
            wanted = 0 if stack.source.kind == "negative" else 1
            if (label == wanted).mean() > 0.02:
                break
        return y, x


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
