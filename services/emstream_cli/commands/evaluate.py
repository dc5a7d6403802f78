"""`emstream evaluate`: how well masks agree with labels."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import typer

from emstream.errors import DamagedFile, UnknownObject, UsageError
from emstream.jobs.record import Request
from emstream.settings import Settings
from emstream_cli.app import app, say, start, warn
from emstream_cli.commands.predict import chosen, make_request, run
from emstream_cli.options import (
    CHECKPOINT,
    CONTRAST_STRETCH,
    DATASET,
    OBJECT,
    QUALITY,
    VERBOSE,
    VOXEL_SIZE,
    QualityName,
)
from emstream_training.metrics.regions import HOW_TO_INSTALL, can_measure_regions

if TYPE_CHECKING:
    from emstream_training.metrics.evaluate import Evaluation, Section, Shape

MEMBRANES = "membranes"
DEFAULT_THRESHOLD = 0.5


@app.command()
def evaluate(
    labels: Path = typer.Option(..., help="Labels of the same sections: 0, and one other value for structure."),
    images: Path = typer.Option(None, help="Raw sections to segment and score: folder, TIFF, HDF5 or MRC."),
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
    settings = start(verbose)
    _check_wanted(images, masks, objects, checkpoints, contrast_stretch)
    with ExitStack() as files:
        if masks is not None:
            found = _from_masks(masks, objects, dataset, threshold, files)
        else:
            request = make_request(
                settings,
                source=images,
                objects=objects,
                quality=quality,
                checkpoints=checkpoints,
                voxel_size=voxel_size,
                dataset=dataset,
                threshold=threshold,
                contrast_stretch=contrast_stretch,
            )
            found = _to_predict(request, settings, is_quiet=as_json, files=files)
        evaluation = _compare(found, labels, ignore, _has_regions(membranes, found.object), files)
    if as_json:
        say(json.dumps(evaluation))
    else:
        _tell(evaluation)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is to be scored; predicted, where it must be, when its first section is asked for."""

    what: str
    object: str
    shape_zyx: Shape
    sections: Iterator[Section]


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
    has_regions = name == MEMBRANES if wanted is None else wanted
    if has_regions and not can_measure_regions():
        if wanted:
            raise UsageError(HOW_TO_INSTALL)
        warn(f"note: {HOW_TO_INSTALL}")
        return False
    return has_regions


def _to_predict(request: Request, settings: Settings, *, is_quiet: bool, files: ExitStack) -> _Found:
    from emstream.readers.open_stack import open_stack

    names = [choice.object for choice in chosen(request, settings)]
    if len(names) > 1:
        raise UsageError(f"the checkpoints find {', '.join(names)}: name the one to score with --object")
    source = Path(request.input)
    with open_stack(source, request.dataset) as reader:
        shape = reader.facts.shape_zyx
    scratch = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="emstream-")))
    return _Found("the images", names[0], shape, _predicted(request, settings, names[0], is_quiet, scratch))


def _predicted(request: Request, settings: Settings, name: str, is_quiet: bool, output: Path) -> Iterator[Section]:
    from emstream_postprocess.report import Wanted
    from emstream_training.metrics.evaluate import file_sections

    run(request, Wanted((), False), output, settings, is_quiet=is_quiet, restart=False, keep=False)
    yield from file_sections(output / "mask.h5", name)


def _from_masks(
    path: Path, objects: list[str] | None, dataset: str | None, threshold: float | None, files: ExitStack
) -> _Found:
    from emstream.readers.open_stack import open_stack
    from emstream_training.metrics.evaluate import holds_probabilities, layer_sections, probability_sections

    layers = {} if dataset is not None else _layers(path)
    if layers:
        name = _one_of(list(layers), objects, path)
        masks = files.enter_context(open_stack(path, f"{name}/mask"))
        shape = masks.facts.shape_zyx
        probabilities = files.enter_context(open_stack(path, f"{name}/probability")) if layers[name] else None
        return _Found("the masks", name, shape, layer_sections(masks, probabilities, shape[0], threshold))
    reader = files.enter_context(open_stack(path, dataset))
    name, shape = (objects or [""])[0], reader.facts.shape_zyx
    if not holds_probabilities(reader, shape[0]):
        return _Found("the masks", name, shape, layer_sections(reader, None, shape[0], None))
    level = DEFAULT_THRESHOLD if threshold is None else threshold
    warn(f"note: {path.name} has more than two values: read as probabilities; those of at least {level:g} are marked")
    return _Found("the probabilities", name, shape, probability_sections(reader, shape[0], level))


def _layers(path: Path) -> dict[str, bool]:
    """Return the objects of a mask.h5 of emstream, and whether each has its probability; none for other files."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return {}
    try:
        with h5py.File(path, "r", locking=False) as file:
            inside = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
            groups = [name for name in inside if file.get(name, getclass=True) is h5py.Group]
            return {name: "probability" in file[name] for name in groups if "mask" in file[name]}
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read ({error}). Copy it again, or predict again.") from error


def _one_of(names: list[str], objects: list[str] | None, path: Path) -> str:
    if not objects and len(names) == 1:
        return names[0]
    if objects and objects[0] in names:
        return objects[0]
    wrong = f"; there is no {objects[0]!r}" if objects else ""
    raise UnknownObject(f"{path.name} holds masks of {', '.join(names)}{wrong}: name one of them with --object")


def _compare(found: _Found, labels: Path, ignore: Path | None, has_regions: bool, files: ExitStack) -> Evaluation:
    from emstream.readers.open_stack import open_stack
    from emstream_training.metrics.evaluate import (
        check_labels,
        check_shapes,
        marked_sections,
        score_sections,
        truth_sections,
    )

    truth = files.enter_context(open_stack(labels))
    shape = truth.facts.shape_zyx
    check_shapes(found.what, found.shape_zyx, "the labels", shape)
    ignored = None
    if ignore is not None:
        left_out = files.enter_context(open_stack(ignore))
        check_shapes("the sections to ignore", left_out.facts.shape_zyx, "the labels", shape)
        ignored = marked_sections(left_out, shape[0])
    check_labels(truth, shape)  # before a network spends minutes on the sections
    return score_sections(found.sections, truth_sections(truth, shape), ignored, has_regions)


def _tell(evaluation: Evaluation) -> None:
    say(f"{'section':>8} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}")
    rows = [*((str(z), row) for z, row in enumerate(evaluation["sections"])), ("total", evaluation["total"])]
    for name, row in rows:
        say(f"{name:>8} {row['f1']:7.4f} {row['precision']:10.4f} {row['recall']:7.4f} {row['iou']:7.4f}")
    total = evaluation["total"]
    if "average_precision" in total:
        say(
            f"average precision {total['average_precision']:.4f}, "
            f"recall at precision 0.80 {total['recall_at_precision_0.80']:.4f}, "
            f"precision at recall 0.95 {total['precision_at_recall_0.95']:.4f}, "
            f"best F1 {total['best_f1']:.4f} at threshold {total['best_threshold']:.3f}"
        )
    if "adapted_rand_error" in total:
        say(
            f"regions: adapted Rand error {total['adapted_rand_error']:.4f} "
            f"({total['adapted_rand_error_thinned']:.4f} after thinning), variation of information "
            f"{total['variation_of_information']:.3f} bits (split {total['split']:.3f}, merge {total['merge']:.3f})"
        )
