"""An evaluation's way: what is scored is opened or predicted, the labels are checked, sections are scored one by one.

Every stack stays open, and every temporary folder stays, for as long as the caller's ExitStack: sections are read, and
predicted where they must be, when they are scored.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import h5py

from emstream.errors import DamagedFile, UnknownObject, UsageError
from emstream.jobs.record import Request
from emstream.readers.open_stack import open_stack
from emstream.settings import Settings
from emstream_standalone.progress import Listener
from emstream_standalone.request import chosen
from emstream_training.metrics.evaluate import (
    Evaluation,
    Section,
    Shape,
    check_labels,
    check_shapes,
    file_sections,
    holds_probabilities,
    layer_sections,
    marked_sections,
    probability_sections,
    score_sections,
    truth_sections,
)

DEFAULT_THRESHOLD = 0.5
"""Threshold on probabilities that come without one."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What is to be scored. what: its name in messages; object: empty if unknown; note: a sentence for the user."""

    what: str
    object: str
    shape_zyx: Shape
    sections: Iterator[Section]
    note: str = ""


@dataclass(frozen=True, slots=True)
class MaskSource:
    """Masks or probabilities that exist. object: the one to score, where a file holds several."""

    path: Path
    object: str | None = None
    dataset: str | None = None
    threshold: float | None = None


def predicted(request: Request, settings: Settings, listener: Listener, files: ExitStack) -> Scored:
    """Return the images that a request means; they are predicted when the first section is asked for.

    Raises UsageError unless exactly one structure is found, and what reading the headers raises.
    """
    names = [choice.object for choice in chosen(request, settings)]
    if len(names) > 1:
        raise UsageError(f"the checkpoints find {', '.join(names)}: name the one to score with --object")
    with open_stack(Path(request.input), request.dataset) as reader:
        shape = reader.facts.shape_zyx
    scratch = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="emstream-")))

    def sections() -> Iterator[Section]:
        from emstream_postprocess.report import Wanted
        from emstream_standalone.predict import PredictOptions, run  # masks are scored where none is installed

        run(PredictOptions(request, scratch, Wanted((), has_overlay=False)), settings, listener)
        yield from file_sections(scratch / "mask.h5", names[0])

    return Scored("the images", names[0], shape, sections())


def from_masks(source: MaskSource, files: ExitStack) -> Scored:
    """Return masks or probabilities as they are: a mask.h5 of emstream, or any stack of either.

    Raises UnknownObject if the file holds several structures and none of them is named.
    """
    layers = {} if source.dataset is not None else _layers(source.path)
    if layers:
        return _from_layers(source, layers, files)
    reader = files.enter_context(open_stack(source.path, source.dataset))
    name, shape = source.object or "", reader.facts.shape_zyx
    if not holds_probabilities(reader, shape[0]):
        return Scored("the masks", name, shape, layer_sections(reader, None, shape[0], None))
    level = DEFAULT_THRESHOLD if source.threshold is None else source.threshold
    note = f"{source.path.name} has more than two values: read as probabilities; voxels of at least {level:g} count"
    return Scored("the probabilities", name, shape, probability_sections(reader, shape[0], level), note)


def compare(found: Scored, labels: Path, ignore: Path | None, has_regions: bool, files: ExitStack) -> Evaluation:
    """Return the scores of all sections. ignore: a stack whose voxels other than 0 do not count.

    Raises UsageError for shapes that differ and TrainingDataUnusable for wrong labels, before any network runs.
    """
    truth = files.enter_context(open_stack(labels))
    shape = truth.facts.shape_zyx
    check_shapes(found.what, found.shape_zyx, "the labels", shape)
    ignored = None
    if ignore is not None:
        left_out = files.enter_context(open_stack(ignore))
        check_shapes("the sections to ignore", left_out.facts.shape_zyx, "the labels", shape)
        ignored = marked_sections(left_out, shape[0])
    check_labels(truth, shape)
    return score_sections(found.sections, truth_sections(truth, shape), ignored, has_regions)


def _from_layers(source: MaskSource, layers: dict[str, bool], files: ExitStack) -> Scored:
    name = _one_of(list(layers), source)
    masks = files.enter_context(open_stack(source.path, f"{name}/mask"))
    depth = masks.facts.shape_zyx[0]
    probabilities = files.enter_context(open_stack(source.path, f"{name}/probability")) if layers[name] else None
    sections = layer_sections(masks, probabilities, depth, source.threshold)
    return Scored("the masks", name, masks.facts.shape_zyx, sections)


def _layers(path: Path) -> dict[str, bool]:
    """Return the structures of a mask.h5 of emstream, and whether each has its probability; none for other files."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return {}
    try:
        with h5py.File(path, "r", locking=False) as file:
            inside = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
            groups = [name for name in inside if file.get(name, getclass=True) is h5py.Group]
            return {name: "probability" in file[name] for name in groups if "mask" in file[name]}
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read ({error}). Copy it again, or predict again.") from error


def _one_of(names: list[str], source: MaskSource) -> str:
    if source.object is None and len(names) == 1:
        return names[0]
    if source.object in names:
        return source.object
    wrong = f"; there is no {source.object!r}" if source.object else ""
    raise UnknownObject(f"{source.path.name} holds masks of {', '.join(names)}{wrong}: name one of them with --object")
