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
from emstream.volume.intensity import BINARY_VOXELS, check_finite
from emstream.volume.planes import Planes
from emstream_training.data.layers import NEIGHBOURS, SAME_NEIGHBOURS, ObjectNumbers, notes_on_blanks
from emstream_training.metrics.confusion import Confusion
from emstream_training.metrics.curves import Histograms, level_of
from emstream_training.metrics.regions import RegionErrors, mean_errors, region_errors

BOOL = NDArray[np.bool_]
UINT8 = NDArray[np.uint8]
Shape = tuple[int, int, int]
WANTED_PRECISION, WANTED_RECALL = 0.80, 0.95
"""The paper's goals for mitochondria: precision 0.80 and recall 0.95."""
LOW, HIGH = 25, 230
"""Bounds of the uint8 probabilities that are neither nearly 0 nor nearly 1: neighbours between them differ."""
FEW = 8
"""Maximum number of values in a stack of numbered classes; maps of probabilities have dozens."""


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


def check_shapes(what: str, shape_zyx: Shape, other: str, other_zyx: Shape, lacking: str = "") -> None:
    """Raise TrainingDataUnusable unless two stacks have one shape (z, y, x). lacking: sections that one has alone."""
    if shape_zyx != other_zyx:
        raise TrainingDataUnusable(
            f"{what} are {shape_zyx} (z, y, x) and {other} {other_zyx}{lacking and f' ({lacking})'}: give {other} "
            "of these sections, one for each, of the same size"
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


def object_sections(reader: StackReader, depth: int) -> Iterator[Section]:
    """Yield sections of numbered objects: every number but 0 is structure. Raises TrainingDataUnusable."""
    numbers = ObjectNumbers("the masks")
    for z in range(depth):
        values = read_section(reader, z)
        numbers.add(values, values != 0)
        yield Section(values != 0)


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


def check_probabilities(reader: StackReader, depth: int) -> None:
    """Read uint8 or float probabilities once. Raises TrainingDataUnusable if they rather number objects.

    Objects have few numbers, or one number over an area; and a map of bytes that never reaches 0.5 is hardly one.
    """
    counts, pairs, same = np.zeros(256, np.int64), 0, 0
    for z in range(depth):
        levels = _as_probability(read_section(reader, z), z)
        counts += np.bincount(levels.ravel(), minlength=256)
        between = (levels > LOW) & (levels < HIGH)
        both = between[:, 1:] & between[:, :-1]
        pairs += int(np.count_nonzero(both))
        same += int(np.count_nonzero(both & (levels[:, 1:] == levels[:, :-1])))
    found = np.flatnonzero(counts)
    are_areas = pairs >= NEIGHBOURS and same > SAME_NEIGHBOURS * pairs
    are_few = len(found) <= FEW or found[-1] < level_of(0.5)
    if reader.facts.dtype == np.uint8 and counts.sum() >= BINARY_VOXELS and (are_areas or are_few):
        raise TrainingDataUnusable(
            f"the masks have {len(found)} values from {found[0]} to {found[-1]}, like numbers of objects or classes "
            "and unlike probabilities (p = v / 255). For numbered objects add --instances, of several classes save the "
            "one to score as a mask, and for probabilities add --threshold"
        )


def truth_sections(reader: StackReader, shape_zyx: Shape) -> Iterator[BOOL]:
    """Yield the sections (y, x) of labels that were checked: True where they are not 0."""
    yield from marked_sections(reader, shape_zyx[0])


def check_labels(reader: StackReader, instances: bool = False, ignored: StackReader | None = None) -> list[str]:
    """Read all labels once, and return notes for the user.

    instances: labels number objects; otherwise they have 0 and one other value. ignored: not 0 where nothing counts.
    Raises TrainingDataUnusable for other values, and for labels that mark nothing, or all, of what counts.
    """
    second: float | int | None = None
    numbers = ObjectNumbers("the labels")
    voxels = counted = 0
    marked: list[int] = []
    for z in range(reader.facts.shape_zyx[0]):
        values = read_section(reader, z)
        check_finite(values, f"the labels, section {z + 1}")
        if instances:
            numbers.add(values, values != 0)
        else:
            second = _check_two_values(values, second, z)
        counts = np.ones(values.shape, bool) if ignored is None else read_section(ignored, z) == 0
        voxels, counted = voxels + values.size, counted + int(np.count_nonzero(counts))
        marked.append(int(np.count_nonzero(counts & (values != 0))))
    ignored_share = 1 - counted / voxels
    notes = [f"{ignored_share:.0%} of the pixels are ignored"] if ignored_share else []
    return notes + _notes_on_labels(sum(marked), counted) + notes_on_blanks("the labels", marked)


def _notes_on_labels(marked: int, counted: int) -> list[str]:
    if counted == 0:
        raise TrainingDataUnusable("every pixel is ignored, so nothing counts: leave 0 in --ignore where pixels count")
    if marked == 0:
        raise TrainingDataUnusable(
            "the labels mark nothing: they are 0 wherever pixels count, and no score has a meaning. Give labels of "
            "these sections in which the structure is not 0; of an HDF5 file, name them with --labels-dataset"
        )
    if marked == counted:
        raise TrainingDataUnusable(
            "the labels mark every pixel that counts: no value is 0, which is background. Save background as 0"
        )
    if 2 * marked <= counted:
        return []
    return [f"the labels mark {marked / counted:.0%} of the pixels: if 0 is the structure there, invert them"]


def _check_two_values(values: NDArray[np.generic], second: float | int | None, z: int) -> float | int | None:
    """Return the labels' value other than 0, if it is known. Raises TrainingDataUnusable for a third one."""
    second, third = _values(values, second)
    if third is None:
        return second
    raise TrainingDataUnusable(
        f"the labels have the values {second:.17g} and {third:.17g} in addition to 0 (section {z + 1}): they must be 0 "
        "and one other value. For numbered objects add --instances; save masks with grey edges (JPEG, smoothed) as "
        "`mask > 127`; raw sections and probabilities have their own options"
    )


def marked_sections(reader: StackReader, depth: int) -> Iterator[BOOL]:
    """Yield the sections (y, x), True where they are not 0."""
    for z in range(depth):
        yield read_section(reader, z) != 0


def read_section(reader: StackReader, z: int) -> NDArray[np.generic]:
    """Return section z, (y, x), in the stack's own type."""
    bands = [rows.values[0] for rows in sorted(reader.blocks(z, z + 1), key=lambda rows: rows.y)]
    return bands[0] if len(bands) == 1 else np.concatenate(bands)


def _values(values: NDArray[np.generic], second: float | int | None) -> tuple[float | int | None, float | int | None]:
    """Return the value other than 0 (`second` if it is known already) and, if there is one, a third value."""
    marked = values != 0
    if second is None and marked.any():
        second = _number(values.flat[int(np.argmax(marked))])
    more = values[marked & (values != second)] if second is not None else values[:0, 0]
    return second, _number(more[0]) if more.size else None


def _number(value: np.generic) -> float | int:
    """Return a value as Python's: integers stay whole, whatever their length."""
    return int(value) if value.dtype.kind in "bui" else float(value)


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
        "value) or probabilities (uint8, p = v / 255, or floats from 0 to 1). For numbered objects add --instances"
    )
