"""`emstream evaluate`: agreement of masks with labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emstream.errors import UsageError
from emstream.models.recipes import outlines
from emstream.readers.formats import STACK_KINDS
from emstream_cli.console import say, start, warn
from emstream_cli.options import (
    Checkpoints,
    ContrastStretch,
    FindOptions,
    LabelOptions,
    Threshold,
    Verbose,
    checkpoint_paths,
)
from emstream_standalone.progress import shown
from emstream_standalone.request import make_request
from emstream_training.metrics.regions import HOW_TO_INSTALL, can_measure_regions

if TYPE_CHECKING:
    from emstream_training.metrics.evaluate import Evaluation


SAME_FILE = "what is scored and the labels are the same file: the scores say nothing"


@dataclass(frozen=True, slots=True)
class ScoredOptions:
    """What is scored, and where."""

    images: Annotated[Path | None, typer.Option(help=f"Raw sections to segment and score: folder, {STACK_KINDS}.")] = (
        None
    )
    masks: Annotated[
        Path | None,
        typer.Option(help="Score these instead, without a network: mask.h5, or a stack of masks or of probabilities."),
    ] = None
    ignore: Annotated[Path | None, typer.Option(help="Stack of the same size; where it is not 0 nothing counts.")] = (
        None
    )
    ignore_dataset: Annotated[str | None, typer.Option(help="Data set inside an HDF5 file that --ignore names.")] = None
    membranes: Annotated[
        bool | None,
        typer.Option("--membranes/--no-membranes", help="Measure the regions they enclose. Default: for membranes."),
    ] = None


def evaluate(
    truth: LabelOptions,
    scored: ScoredOptions,
    find: FindOptions,
    checkpoints: Checkpoints = None,
    contrast_stretch: ContrastStretch = False,
    threshold: Threshold = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: total, and one entry per section.")] = False,
    verbose: Verbose = False,
) -> None:
    """Segment labelled sections, or use existing masks, and print how well they agree with the labels."""
    from emstream_standalone.evaluate import (
        LabelSource,
        MaskSource,
        compare,
        from_masks,
        open_truth,
        predicted,
    )

    settings = start(verbose)
    check_scored(scored, find.objects or [], checkpoints or [], contrast_stretch)
    with ExitStack() as files:
        if scored.masks is not None:
            name = find.objects[0] if find.objects else None
            found = from_masks(MaskSource(scored.masks, name, find.dataset, threshold, truth.instances), files)
        else:
            assert scored.images is not None
            fields = find.fields() | {"threshold": threshold, "contrast_stretch": contrast_stretch}
            request = make_request(scored.images, settings, **fields, checkpoints=checkpoint_paths(checkpoints))
            found = predicted(request, settings, shown(as_json), files)
        source = LabelSource(truth.labels, truth.labels_dataset, truth.instances, scored.ignore, scored.ignore_dataset)
        labels = open_truth(found.named, found.shape_zyx, source, files)
        is_same = scored.masks is not None and scored.masks.samefile(truth.labels) and find.dataset == source.dataset
        warn_all([SAME_FILE if is_same else "", found.note, *labels.notes])
        evaluation, note = compare(found, labels, has_regions(scored.membranes, found.object))
        warn_all([note])
    say(json.dumps(evaluation) if as_json else "\n".join(evaluation_lines(evaluation)))


def warn_all(notes: Sequence[str]) -> None:
    """Print notes that are not empty."""
    for note in notes:
        if note:
            warn(f"note: {note}")


def check_scored(scored: ScoredOptions, objects: list[str], checkpoints: list[Path], contrast_stretch: bool) -> None:
    """Raise UsageError for options that do not go together."""
    has_masks = scored.masks is not None
    if (scored.images is None) != has_masks:
        raise UsageError("give --images (sections to segment) or --masks (what is to be scored as it is), one of them")
    if has_masks and checkpoints:
        raise UsageError("--masks are scored without a network: leave out --checkpoint, or give --images")
    if has_masks and contrast_stretch:
        raise UsageError("--masks are scored as they are: leave out --contrast-stretch, or give --images")
    if len(objects) > 1:
        raise UsageError(f"one structure is scored at a time, got --object {' --object '.join(objects)}")


def has_regions(wanted: bool | None, name: str) -> bool:
    """Decide whether regions are measured. Raises UsageError if they are asked for and cannot be."""
    is_wanted = name in outlines() if wanted is None else wanted
    if is_wanted and not can_measure_regions():
        if wanted:
            raise UsageError(HOW_TO_INSTALL)
        warn(f"note: {HOW_TO_INSTALL}")
        return False
    return is_wanted


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return a table of all sections, counted from 1, and the total; then what only the total has."""
    lines = [f"{'section':>8} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}"]
    rows = [*((str(n), row) for n, row in enumerate(evaluation["sections"], 1)), ("total", evaluation["total"])]
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
