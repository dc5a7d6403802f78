"""`emstream evaluate`: how well masks agree with labels."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emstream.errors import UsageError
from emstream.models.recipes import outlines
from emstream.readers.formats import STACK_KINDS
from emstream_cli.console import say, start, warn
from emstream_cli.options import (
    CHECKPOINT,
    CONTRAST_STRETCH,
    DATASET,
    OBJECT,
    QUALITY,
    VERBOSE,
    VOXEL_SIZE,
    QualityName,
    parse_voxel_size,
)
from emstream_standalone.request import make_request
from emstream_standalone.stage_progress import shown
from emstream_training.metrics.regions import HOW_TO_INSTALL, can_measure_regions

if TYPE_CHECKING:
    from emstream_training.metrics.evaluate import Evaluation


def evaluate(
    labels: Path = typer.Option(..., help="Labels of the same sections: 0, and one other value for structure."),
    images: Path = typer.Option(None, help=f"Raw sections to segment and score: folder, {STACK_KINDS}."),
    masks: Path = typer.Option(
        None, help="Score these instead, without a network: mask.h5, or a stack of masks or of probabilities."
    ),
    ignore: Path = typer.Option(None, help="Stack of the same size; where it is not 0 nothing counts."),
    membranes: bool = typer.Option(
        None, "--membranes/--no-membranes", help="Measure the regions they enclose. Default: for the object membranes."
    ),
    objects: list[str] = OBJECT,
    quality: QualityName = QUALITY,
    checkpoints: list[Path] = CHECKPOINT,
    voxel_size: str = VOXEL_SIZE,
    dataset: str = DATASET,
    contrast_stretch: bool = CONTRAST_STRETCH,
    threshold: float = typer.Option(None, min=0.004, max=0.996, help="On the probability. Default: the recipe's."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON: total, and one entry per section."),
    verbose: bool = VERBOSE,
) -> None:
    """Segment labelled sections, or take masks that are there, and print how well they agree with the labels."""
    from emstream_standalone.evaluate import MaskSource, compare, from_masks, predicted

    settings = start(verbose)
    _check_wanted(images, masks, objects, checkpoints, contrast_stretch)
    with ExitStack() as files:
        if masks is not None:
            found = from_masks(MaskSource(masks, next(iter(objects or ()), None), dataset, threshold), files)
        else:
            assert images is not None
            request = make_request(
                images,
                settings,
                objects=tuple(objects or ()),
                quality=quality.value,
                checkpoints=tuple(str(path.absolute()) for path in checkpoints or ()),
                voxel_size_nm=parse_voxel_size(voxel_size),
                dataset=dataset,
                threshold=threshold,
                contrast_stretch=contrast_stretch,
            )
            found = predicted(request, settings, shown(as_json), files)
        if found.note:
            warn(f"note: {found.note}")
        evaluation = compare(found, labels, ignore, _has_regions(membranes, found.object), files)
    say(json.dumps(evaluation) if as_json else "\n".join(evaluation_lines(evaluation)))


def _check_wanted(
    images: Path | None,
    masks: Path | None,
    objects: list[str] | None,
    checkpoints: list[Path] | None,
    contrast_stretch: bool,
) -> None:
    if (images is None) == (masks is None):
        raise UsageError("give --images (sections to segment) or --masks (what is to be scored as it is), one of them")
    if masks is not None and checkpoints:
        raise UsageError("--masks are scored without a network: leave out --checkpoint, or give --images")
    if masks is not None and contrast_stretch:
        raise UsageError("--masks are scored as they are: leave out --contrast-stretch, or give --images")
    if len(objects or ()) > 1:
        raise UsageError(f"one object is scored at a time, got --object {' --object '.join(objects or ())}")


def _has_regions(wanted: bool | None, name: str) -> bool:
    has_regions = name in outlines() if wanted is None else wanted
    if has_regions and not can_measure_regions():
        if wanted:
            raise UsageError(HOW_TO_INSTALL)
        warn(f"note: {HOW_TO_INSTALL}")
        return False
    return has_regions


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return a table of all sections and the total, then what only the total has."""
    lines = [f"{'section':>8} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}"]
    rows = [*((str(z), row) for z, row in enumerate(evaluation["sections"])), ("total", evaluation["total"])]
    lines += [
        f"{name:>8} {row['f1']:7.4f} {row['precision']:10.4f} {row['recall']:7.4f} {row['iou']:7.4f}"
        for name, row in rows
    ]
    total = evaluation["total"]
    if "average_precision" in total:
        lines.append(
            f"average precision {total['average_precision']:.4f}, "
            f"recall at precision 0.80 {total['recall_at_precision_0.80']:.4f}, "
            f"precision at recall 0.95 {total['precision_at_recall_0.95']:.4f}, "
            f"best F1 {total['best_f1']:.4f} at threshold {total['best_threshold']:.3f}"
        )
    if "adapted_rand_error" in total:
        lines.append(
            f"regions: adapted Rand error {total['adapted_rand_error']:.4f} "
            f"({total['adapted_rand_error_thinned']:.4f} after thinning), variation of information "
            f"{total['variation_of_information']:.3f} bits (split {total['split']:.3f}, merge {total['merge']:.3f})"
        )
    return lines
