"""Scores of masks and probabilities against labels, one section at a time: the largest arrays are those of one section.

Masks and probabilities come as `Section`s, from a mask.h5 of emstream or from any stack; the truth, and the pixels that
do not count, come as bool sections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from emstream.errors import TrainingDataUnusable
from emstream.readers.stack import StackReader
from emstream.volume.files import opened
from emstream.volume.planes import Planes
from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import Histograms, level_of
from emstream_training.metrics.regions import RegionErrors, mean_errors, region_errors

BOOL = NDArray[np.bool_]
UINT8 = NDArray[np.uint8]
Shape = tuple[int, int, int]
WANTED_PRECISION, WANTED_RECALL = 0.80, 0.95
"""The paper's goals for mitochondria: precision 0.80 and recall 0.95."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section to score. mask: (y, x) bool; probability: (y, x) uint8, p = v / 255, or None."""

    mask: BOOL
    probability: UINT8 | None = None


_Measured = TypedDict(  # keys with a dot cannot be written as a class
    "_Measured",
    {
        "average_precision": NotRequired[float],
        "recall_at_precision_0.80": NotRequired[float],
        "precision_at_recall_0.95": NotRequired[float],
        "best_threshold": NotRequired[float],
        "best_f1": NotRequired[float],
        "adapted_rand_error": NotRequired[float],
        "adapted_rand_error_thinned": NotRequired[float],
        "variation_of_information": NotRequired[float],
        "split": NotRequired[float],
        "merge": NotRequired[float],
    },
)


class Score(_Measured):
    """Voxel counts and scores; curves if there are probabilities, regions for membranes."""

    f1: float
    precision: float
    recall: float
    iou: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


class Evaluation(TypedDict):
    """Scores in total and of each section, in order. Region measures in total are the mean over the sections."""

    total: Score
    sections: list[Score]


def score(mask_file: Path, name: str, truth: Iterable[BOOL], shape_zyx: Shape) -> Evaluation:
    """Compare `/<name>/mask` of a mask.h5, and its probability, with the truth's sections (y, x) bool.

    Raises TrainingDataUnusable if they differ in shape.
    """
    with opened(mask_file) as file:
        check_shapes("the images", Planes.open(file, f"{name}/mask").shape, "the labels", shape_zyx)
    return score_sections(file_sections(mask_file, name), truth)


def check_shapes(what: str, shape_zyx: Shape, other: str, other_zyx: Shape) -> None:
    """Raise TrainingDataUnusable unless two stacks have one shape (z, y, x)."""
    if shape_zyx != other_zyx:
        raise TrainingDataUnusable(
            f"{what} are {shape_zyx} (z, y, x) and {other} {other_zyx}: give the labels of these sections, "
            "one for each, of the same size"
        )


def score_sections(
    found: Iterable[Section], truth: Iterable[BOOL], ignored: Iterable[BOOL] | None = None, has_regions: bool = False
) -> Evaluation:
    """Compare sections with the truth's, (y, x) bool each; pixels where `ignored` is True do not count.

    has_regions: masks are membranes, and the regions that they enclose are measured, too (needs scikit-image).
    """
    counts: list[Confusion] = []
    curves: list[Histograms | None] = []
    regions: list[RegionErrors | None] = []
    planes = zip(found, truth, repeat(None) if ignored is None else ignored, strict=False)  # repeat has no end
    for section, true, out in planes:
        counted = None if out is None else ~out
        probability = section.probability
        counts.append(Confusion.of(section.mask, true, counted))
        curves.append(None if probability is None else Histograms.of(probability, true, counted))
        regions.append(region_errors(section.mask, true, counted) if has_regions else None)
    known = [curve for curve in curves if curve is not None]
    whole = sum(known, Histograms.empty()) if known else None
    total = score_of(sum(counts, Confusion()), whole, mean_errors(regions))
    if whole is not None:
        best = whole.best_level()
        total |= {"best_threshold": round(best / 255, 4), "best_f1": round(whole.confusion(best).f1, 6)}
    return {"total": total, "sections": [score_of(*row) for row in zip(counts, curves, regions, strict=True)]}


def score_of(confusion: Confusion, curve: Histograms | None, regions: RegionErrors | None = None) -> Score:
    """Return counts and scores, rounded to six digits. curve, regions: of the same voxels, or None."""
    score: Score = {
        "f1": round(confusion.f1, 6),
        "precision": round(confusion.precision, 6),
        "recall": round(confusion.recall, 6),
        "iou": round(confusion.iou, 6),
        "true_positives": confusion.hits,
        "false_positives": confusion.false_alarms,
        "false_negatives": confusion.misses,
        "true_negatives": confusion.rejections,
    }
    if curve is not None and curve.average_precision is not None:
        score["average_precision"] = round(curve.average_precision, 6)
        score["recall_at_precision_0.80"] = round(curve.recall_at_precision(WANTED_PRECISION) or 0.0, 6)
        score["precision_at_recall_0.95"] = round(curve.precision_at_recall(WANTED_RECALL) or 0.0, 6)
    if regions is not None:
        score["adapted_rand_error"] = round(regions.adapted_rand, 6)
        score["adapted_rand_error_thinned"] = round(regions.adapted_rand_thinned, 6)
        score["variation_of_information"] = round(regions.variation_of_information, 6)
        score["split"], score["merge"] = round(regions.split, 6), round(regions.merge, 6)
    return score


def file_sections(mask_file: Path, name: str) -> Iterator[Section]:
    """Yield the sections of `/<name>/mask` and `/<name>/probability` of a mask.h5 of emstream."""
    with opened(mask_file) as file:
        masks = Planes.open(file, f"{name}/mask")
        has_probability = f"{name}/probability" in file
        probabilities = Planes.open(file, f"{name}/probability") if has_probability else None
        for z in range(masks.shape[0]):
            yield Section(masks.read(z) > 0, None if probabilities is None else probabilities.read(z))


def layer_sections(
    masks: StackReader, probabilities: StackReader | None, depth: int, threshold: float | None
) -> Iterator[Section]:
    """Yield sections of masks and, if given, their probabilities; with a threshold, probabilities make the masks."""
    for z in range(depth):
        probability = None if probabilities is None else _as_probability(read_section(probabilities, z), z)
        if probability is not None and threshold is not None:
            yield Section(probability >= level_of(threshold), probability)
        else:
            yield Section(read_section(masks, z) != 0, probability)


def probability_sections(reader: StackReader, depth: int, threshold: float) -> Iterator[Section]:
    """Yield sections of probabilities and their masks. Raises TrainingDataUnusable for other values."""
    for z in range(depth):
        probability = _as_probability(read_section(reader, z), z)
        yield Section(probability >= level_of(threshold), probability)


def holds_probabilities(reader: StackReader, depth: int) -> bool:
    """Return whether a stack has more values than a mask, whose values are 0 and one other."""
    second: float | None = None
    for z in range(depth):
        second, third = _values(read_section(reader, z), second)
        if third is not None:
            return True
    return False


def truth_sections(reader: StackReader, shape_zyx: Shape) -> Iterator[BOOL]:
    """Yield the sections (y, x) of labels: True where they are not 0.

    Raises TrainingDataUnusable if they have more values than 0 and one other.
    """
    second: float | None = None
    for z in range(shape_zyx[0]):
        values = read_section(reader, z)
        second, third = _values(values, second)
        if third is not None:
            raise TrainingDataUnusable(
                f"the labels have the values {second:g} and {third:g} in addition to 0 (section {z + 1}): they must "
                "be 0 and one other value. Save numbered objects as `labels > 0`, and give raw sections or "
                "probabilities by their own options"
            )
        yield values != 0


def check_labels(reader: StackReader, shape_zyx: Shape) -> None:
    """Read all labels once. Raises TrainingDataUnusable if they have more values than 0 and one other."""
    for _ in truth_sections(reader, shape_zyx):
        continue


def marked_sections(reader: StackReader, depth: int) -> Iterator[BOOL]:
    """Yield the sections (y, x), True where they are not 0."""
    for z in range(depth):
        yield read_section(reader, z) != 0


def read_section(reader: StackReader, z: int) -> NDArray[np.generic]:
    """Return section z, (y, x), in the stack's own type."""
    bands = [rows.values[0] for rows in sorted(reader.blocks(z, z + 1), key=lambda rows: rows.y)]
    return bands[0] if len(bands) == 1 else np.concatenate(bands)


def _values(values: NDArray[np.generic], second: float | None) -> tuple[float | None, float | None]:
    """Return the value other than 0 (`second` if it is known already) and, if there is one, a third value."""
    marked = values != 0
    if second is None and marked.any():
        second = float(values.flat[int(np.argmax(marked))])
    more = values[marked & (values != second)] if second is not None else values[:0, 0]
    return second, float(more[0]) if more.size else None


def _as_probability(values: NDArray[np.generic], z: int) -> UINT8:
    low, high = float(values.min()), float(values.max())
    levels: UINT8
    if values.dtype == np.uint8:
        levels = values.astype(np.uint8, copy=False)
        return levels
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        levels = np.rint(values.astype(np.float32, copy=False) * np.float32(255)).astype(np.uint8)
        return levels
    raise TrainingDataUnusable(
        f"section {z + 1} of the masks is {values.dtype} with values {low:g} to {high:g}: give masks (0 and one other "
        "value) or probabilities (uint8, p = v / 255, or floats from 0 to 1). Save numbered objects as `labels > 0`"
    )
