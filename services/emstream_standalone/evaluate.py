"""An evaluation's way: what is scored is opened or predicted, the labels are checked, sections are scored one by one.

Every stack stays open, and every temporary folder stays, for as long as the caller's ExitStack: sections are read, and
predicted where they must be, when they are scored.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.errors import DamagedFile, DatasetNotFound, TrainingDataUnusable, UnknownObject, UsageError
from emstream.jobs.record import Request
from emstream.readers.open_stack import open_labels, open_stack
from emstream.readers.section_numbers import Named, pair_sections, unpaired
from emstream.readers.stack import StackReader, section_files
from emstream.settings import Settings
from emstream_standalone.progress import Listener
from emstream_standalone.request import chosen
from emstream_training.metrics.evaluate import (
    Evaluation,
    Section,
    Shape,
    check_labels,
    check_probabilities,
    check_shapes,
    file_sections,
    holds_probabilities,
    layer_sections,
    marked_sections,
    object_sections,
    probability_sections,
    score_sections,
    truth_sections,
)
from emstream_training.metrics.placement import Placement

DEFAULT_THRESHOLD = 0.5
"""Threshold on probabilities that come without one."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What is to be scored. what: its name in messages; object: empty if unknown; note: a sentence for the user.

    files: names of the sections' files; empty if they are pages or planes.
    """

    what: str
    object: str
    shape_zyx: Shape
    sections: Iterator[Section]
    note: str = ""
    files: Sequence[str] = ()

    @property
    def named(self) -> Named:
        """Return what is scored for a sentence about pairs of sections."""
        return Named(self.what, self.shape_zyx[0], self.files)


@dataclass(frozen=True, slots=True)
class MaskSource:
    """Masks or probabilities that exist. object: the one to score, where a file holds several.

    instances: masks number objects; every number but 0 is structure.
    """

    path: Path
    object: str | None = None
    dataset: str | None = None
    threshold: float | None = None
    instances: bool = False


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Labels to score against. dataset: of an HDF5 file; instances: they number objects.

    ignore: a stack whose voxels other than 0 do not count.
    """

    path: Path
    dataset: str | None = None
    instances: bool = False
    ignore: Path | None = None
    ignore_dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels that were checked. sections, ignored: (y, x) bool, in order, to be read once; notes: for the user."""

    reader: StackReader
    ignored: StackReader | None
    notes: tuple[str, ...]

    def sections(self) -> Iterator[NDArray[np.bool_]]:
        """Yield the sections (y, x): True for structure."""
        return truth_sections(self.reader, self.reader.facts.shape_zyx)

    def left_out(self) -> Iterator[NDArray[np.bool_]] | None:
        """Yield the sections (y, x): True where nothing counts; None if everything does."""
        return None if self.ignored is None else marked_sections(self.ignored, self.reader.facts.shape_zyx[0])


def predicted(request: Request, settings: Settings, listener: Listener, files: ExitStack) -> Scored:
    """Return the images that a request means; they are predicted when the first section is asked for.

    Raises UsageError unless exactly one structure is found, and what reading the headers raises.
    """
    names = [choice.object for choice in chosen(request, settings)]
    if len(names) > 1:
        raise UsageError(f"the checkpoints find {', '.join(names)}: name the one to score with --object")
    with open_stack(Path(request.input), request.dataset) as reader:
        shape, names_of_files = reader.facts.shape_zyx, section_files(reader.facts)
    scratch = Path(files.enter_context(tempfile.TemporaryDirectory(prefix="emstream-")))

    def sections() -> Iterator[Section]:
        from emstream_postprocess.report import Wanted
        from emstream_standalone.predict import PredictOptions, run  # masks are scored where none is installed

        run(PredictOptions(request, scratch, Wanted((), has_overlay=False)), settings, listener)
        yield from file_sections(scratch / "mask.h5", names[0])

    return Scored("the images", names[0], shape, sections(), files=names_of_files)


def from_masks(source: MaskSource, files: ExitStack) -> Scored:
    """Return masks or probabilities as they are: a mask.h5 of emstream, or any stack of either.

    Raises UnknownObject if the file holds several structures and none of them is named.
    """
    layers = {} if source.dataset is not None else _layers(source.path)
    if layers:
        return _from_layers(source, layers, files)
    reader = files.enter_context(_open_masks(source))
    name, shape, own = source.object or "", reader.facts.shape_zyx, section_files(reader.facts)
    if source.instances:
        return Scored("the masks", name, shape, object_sections(reader, shape[0]), files=own)
    if not holds_probabilities(reader, shape[0]):
        return Scored("the masks", name, shape, layer_sections(reader, None, shape[0], None), files=own)
    if source.threshold is None:
        check_probabilities(reader, shape[0])
    level = DEFAULT_THRESHOLD if source.threshold is None else source.threshold
    note = f"{source.path.name} has more than two values: read as probabilities; voxels of at least {level:g} count"
    return Scored("the probabilities", name, shape, probability_sections(reader, shape[0], level), note, own)


def open_truth(scored: Named, shape_zyx: Shape, source: LabelSource, files: ExitStack) -> Truth:
    """Return the labels of what is scored, paired section by section, with notes on the pairs and the values.

    Raises TrainingDataUnusable for shapes or numbers that differ and for wrong labels, before any network runs.
    """
    truth = files.enter_context(open_labels(source.path, source.dataset))
    notes = [*_paired((scored, shape_zyx), ("the labels", truth)), *truth.facts.warnings]
    if source.dataset is None and "dataset" in truth.facts.origin:
        notes.append(f"the labels are the data set {truth.facts.origin['dataset']} of {source.path.name}")
    ignored = None
    if source.ignore is not None:
        ignored = files.enter_context(_open_ignored(source.ignore, source.ignore_dataset))
        notes += _paired((_named("the labels", truth), truth.facts.shape_zyx), ("the pixels to ignore", ignored))
    notes += check_labels(truth, source.instances, ignored)
    return Truth(truth, ignored, tuple(notes))


def compare(found: Scored, truth: Truth, has_regions: bool) -> tuple[Evaluation, str]:
    """Return the scores of all sections, and a note if labels seem to be in another place; else empty."""
    placement = Placement()
    labels, seen = tee(truth.sections())

    def watched() -> Iterator[Section]:
        for section, label in zip(found.sections, seen, strict=False):
            placement.see(section.mask, label)
            yield section

    evaluation = score_sections(watched(), labels, truth.left_out(), has_regions)
    return evaluation, placement.note()


def _paired(scored: tuple[Named, Shape], other: tuple[str, StackReader]) -> list[str]:
    """Return notes on two stacks as pairs of sections. Raises TrainingDataUnusable if they do not fit together."""
    (named, shape), (what, reader) = scored, other
    its = _named(what, reader)
    lacking = unpaired(named, its) if named.depth != its.depth else ""
    check_shapes(named.what, shape, what, reader.facts.shape_zyx, lacking)
    pairing = pair_sections(named, its)
    if pairing.wrong:
        raise TrainingDataUnusable(pairing.wrong)
    said = f"{named.what} with {what}: {pairing.said}"
    return [said, pairing.doubt] if pairing.doubt else [said]


def _named(what: str, reader: StackReader) -> Named:
    return Named(what, reader.facts.shape_zyx[0], section_files(reader.facts))


def _open_masks(source: MaskSource) -> StackReader:
    try:
        return open_labels(source.path, source.dataset)
    except DatasetNotFound as error:
        raise DatasetNotFound(str(error).replace("--labels-dataset", "--dataset")) from error


def _open_ignored(path: Path, dataset: str | None) -> StackReader:
    try:
        return open_labels(path, dataset)
    except DatasetNotFound as error:
        raise DatasetNotFound(str(error).replace("--labels-dataset", "--ignore-dataset")) from error


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
