"""Labelled stacks: sections and labels, checked against each other and read into memory.

Largest arrays: the uint8 sections and labels of all sources (a few hundred megabytes for the shipped checkpoints).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from emstream.errors import TrainingDataUnusable
from emstream.readers.section_numbers import pair_sections, unpaired
from emstream.readers.stack import StackReader
from emstream.volume.intensity import Grey, choose_range, is_binary, sampled_sections, thinned, to_uint8
from emstream_training.data.layers import IGNORE, UINT8, Convert, LabelValues, Layer, Opening, notes_on_blanks
from emstream_training.data.pixel_size import rescaled_image, rescaled_label, scale_of
from emstream_training.data.sources import Source


@dataclass(frozen=True, slots=True)
class LabelledStack:
    """A source in memory. images: one uint8 array (h, w) per section; labels: uint8 0, 1 or IGNORE, the same shapes.

    notes: sentences for the user on the pairs of sections, and on labels that are allowed but odd.
    """

    source: Source
    images: tuple[UINT8, ...]
    labels: tuple[UINT8, ...]
    notes: tuple[str, ...] = ()

    @property
    def marked(self) -> int:
        """Return the number of pixels that are structure."""
        return sum(int(np.count_nonzero(label == 1)) for label in self.labels)


def neighbours(stack: LabelledStack, z: int, sections: int) -> list[UINT8]:
    """Return section z among its neighbours, `sections` arrays (h, w) uint8 in order of z.

    Beyond the ends of a stack its last section is repeated; where sections are no stack, section z itself.
    """
    half, last = sections // 2, len(stack.images) - 1
    step = 1 if stack.source.is_stack else 0
    return [stack.images[min(max(z + step * k, 0), last)] for k in range(-half, half + 1)]


def load_stack(source: Source, pixel_size_nm: float | None = None) -> LabelledStack:
    """Read a source's sections and labels.

    Sections become uint8 by one range for the whole stack, as for prediction. pixel_size_nm: pixel size that the
    network is trained at; sections whose own size differs by more than 20 % are resampled here, once. Raises
    TrainingDataUnusable if sections and labels do not fit together, sections are masks, or nothing is labelled, and
    InputUnreadable for files that cannot be decoded.
    """
    scale = scale_of(source, pixel_size_nm)
    with ExitStack() as files:
        opening = Opening(source.is_stack, files)
        images = opening.layer("images", source.images, source.images_dataset)
        truth = opening.layer("labels", source.labels, source.labels_dataset)
        notes = _check_fit(images, truth, "labels")
        ignored = None
        if source.ignore is not None:
            ignored = opening.layer("ignore", source.ignore, source.ignore_dataset)
            notes += _check_fit(images, ignored, "ignored pixels")
        _check_not_binary(images)
        notes += [f"{layer.path.name}: {text}" for layer in (images, truth) for text in layer.warnings]
        first, stop = _range(source, images)
        sections = images.planes(first, stop, _grey)
        values = LabelValues(source)
        labels = truth.planes(first, stop, lambda _: values)
        ignore = ignored.planes(first, stop, lambda _: _where_marked) if ignored else []
    for label, out in zip(labels, ignore, strict=False):  # `ignore` is empty, or as long as `labels`
        label[out > 0] = IGNORE
    if all((label == IGNORE).all() for label in labels):
        raise TrainingDataUnusable(
            f"{source.labels} labels nothing, every pixel used is unknown: label some pixels, or remove this source"
        )
    notes += values.notes() + _check_marked(source, labels)
    if scale is not None:
        sections = [rescaled_image(image, scale) for image in sections]
        labels = [rescaled_label(label, scale) for label in labels]
    return LabelledStack(source, tuple(sections), tuple(labels), tuple(notes))


def _check_fit(images: Layer, other: Layer, what: str) -> list[str]:
    """Return notes on the pairs of sections. what: the other's name in them. Raises TrainingDataUnusable."""
    named = images.named(f"the images in {images.path.name}"), other.named(f"the {what} in {other.path.name}")
    if images.depth != other.depth:
        lacking = unpaired(*named)
        raise TrainingDataUnusable(
            f"{images.path} has {images.depth} sections and {other.path} has {other.depth}: give one for each section"
            + (f" ({lacking})" if lacking else "")
        )
    for z, (size, its) in enumerate(zip(images.sizes, other.sizes, strict=True)):
        if size != its:
            raise TrainingDataUnusable(
                f"section {z + 1} has {size[1]} x {size[0]} pixels in {images.path} and {its[1]} x {its[0]} in "
                f"{other.path}: sizes must match"
            )
    pairing = pair_sections(*named)
    if pairing.wrong:
        raise TrainingDataUnusable(pairing.wrong)
    said = f"{images.path.name} with {what} {other.path.name}: {pairing.said}"
    return [said, pairing.doubt] if pairing.doubt else [said]


def _check_marked(source: Source, labels: Sequence[UINT8]) -> list[str]:
    """Return notes on labels that mark nothing or most pixels. Raises TrainingDataUnusable if they mark every pixel."""
    if source.kind == "negative":
        return []
    counts = sum((np.bincount(label.ravel(), minlength=256) for label in labels), np.zeros(256, np.int64))
    background, marked, unknown = (int(counts[value]) for value in (0, 1, IGNORE))
    if background == unknown == 0:
        raise TrainingDataUnusable(
            f"{source.labels} marks every pixel used: no value is 0, which is background. Save background as 0, or "
            "remove this source"
        )
    if marked == 0:
        return [f"{source.labels} marks no structure in the sections used: all of it is background"]
    of_sections = [int(np.count_nonzero(label == 1 if (label == 0).any() else label)) for label in labels]
    notes = notes_on_blanks(f"the labels in {source.labels.name}", of_sections, source.first)
    if marked > background + unknown:
        share = marked / (marked + background + unknown)
        notes.append(f"{source.labels} marks {share:.0%} of the pixels: if 0 is the structure there, invert the labels")
    return notes


def _check_not_binary(images: Layer) -> None:
    if is_binary(images.samples()):
        raise TrainingDataUnusable(
            f"{images.path} has exactly two grey values: it looks like labels, and 'images' must be raw sections. "
            "Check whether the two are exchanged"
        )


def _range(source: Source, images: Layer) -> tuple[int, int]:
    stop = images.depth if source.last is None else min(images.depth, source.last + 1)
    if source.first >= stop:
        raise TrainingDataUnusable(
            f"{source.images} has {images.depth} sections, counted from 0, and 'first' is {source.first}: lower it"
        )
    return source.first, stop


def _grey(reader: StackReader) -> Convert:
    facts = reader.facts
    samples = (thinned(reader.sample(int(z))) for z in sampled_sections(facts.shape_zyx[0]))  # not read for uint8
    intensity = choose_range(samples, facts.dtype)
    return lambda values: to_uint8(values, intensity)


def _where_marked(values: Grey) -> UINT8:
    marked: UINT8 = (values != 0).astype(np.uint8)
    return marked
