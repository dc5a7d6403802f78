"""A whole training: from a training file to a checkpoint, whose halo is measured."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emstream.errors import TrainingDataUnusable
from emstream.models.checkpoint import Header
from emstream.models.networks.serving import Probability, ServedNetwork, architecture
from emstream.readers.section_numbers import listed
from emstream_training.data.labelled_files import LabelledStack, load_stack, neighbours
from emstream_training.data.sources import TrainingFile, read_training_file
from emstream_training.fit.resume import make_network
from emstream_training.fit.train import WRITTEN, Show, train
from emstream_training.fit.write_checkpoint import export_checkpoint, fast_halo
from emstream_training.settings import TrainingSettings

logger = logging.getLogger(__name__)
Tell = Callable[[str], None]
"""Takes a line for the user."""


@dataclass(frozen=True, slots=True)
class Order:
    """A request of `emstream train`. name: of the checkpoint; restart: delete an older training in `output` first."""

    data: Path
    output: Path
    name: str
    settings: TrainingSettings
    restart: bool = False


def train_checkpoint(order: Order, show: Show, tell: Tell = lambda line: None) -> Path:
    """Train or resume, then write `<output>/<name>.onnx` and return its path. show: called after each step.

    tell: gets a line for each pair of images and labels, and notes on them, before anything is trained. Raises
    TrainingDataUnusable, InputUnreadable for undecodable files, OutputInUse, OutOfMemory and DiskFull.
    """
    described = read_training_file(order.data)
    held_out, stacks = (
        [load_stack(source, described.pixel_size_nm) for source in listed]
        for listed in (described.validation, described.sources)
    )
    check_marked(stacks, held_out)
    for line in lines_on(stacks, held_out):
        tell(line)
    if order.restart:
        for name in WRITTEN:
            (order.output / name).unlink(missing_ok=True)
    best = train(stacks, held_out, order.settings, order.output, show)
    return finish_checkpoint(order, described, best, held_out)


def lines_on(stacks: Sequence[LabelledStack], held_out: Sequence[LabelledStack]) -> list[str]:
    """Return the lines for the user on all stacks, each once: what was paired, and notes."""
    everything = [*stacks, *held_out]
    said = [note for stack in everything for note in stack.notes[:1]]
    notes = [note for stack in everything for note in stack.notes[1:]]
    notes += [note for stack in held_out for note in _shared(stack, stacks)]
    return list(dict.fromkeys([*said, *(f"note: {note}" for note in notes)]))


def _shared(held_out: LabelledStack, stacks: Sequence[LabelledStack]) -> list[str]:
    """Return a note if sections held out are trained on, too: their score then says nothing of other sections."""
    source, own = held_out.source, _positions(held_out)
    same = [s for s in stacks if (s.source.images, s.source.images_dataset) == (source.images, source.images_dataset)]
    shared = sorted(own & {z for stack in same for z in _positions(stack)})
    if not shared:
        return []
    numbers = listed([str(z) for z in shared])
    return [
        f"sections {numbers} of {source.images.name}, counted from 0, are in 'sources' and in 'validation': the F1 "
        "then says nothing about other sections. Hold back sections that are not trained on"
    ]


def _positions(stack: LabelledStack) -> set[int]:
    return set(range(stack.source.first, stack.source.first + len(stack.images)))


def check_marked(stacks: Sequence[LabelledStack], held_out: Sequence[LabelledStack]) -> None:
    """Raise TrainingDataUnusable if no source, or nothing held out, marks any structure: scores would stay 0."""
    for what, given in (("sources", stacks), ("validation", held_out)):
        if not any(stack.marked for stack in given):
            paths = ", ".join(dict.fromkeys(str(stack.source.labels) for stack in given))
            raise TrainingDataUnusable(
                f"no label of '{what}' marks the structure in the sections used ({paths}): give labelled sections, "
                "and check 'first' and 'last', 'labels_dataset' and 'ignore'"
            )


def finish_checkpoint(order: Order, described: TrainingFile, best: Path, held_out: Sequence[LabelledStack]) -> Path:
    """Measure the halo of the best weights, write the checkpoint, and return its path."""
    settings = order.settings
    network, validation = _best_network(settings, best)
    made = architecture(settings.network)
    alignment, exact = made.aligned(settings.reduction), made.exact_halo(settings.reduction)
    windows = [window for stack in held_out for window in _windows(stack, settings.sections, alignment)]
    fast = fast_halo(Probability(network).eval(), windows, alignment, exact, validation["threshold"])
    header = Header(
        name=order.name,
        network=made.name,
        width=settings.width,
        reduction=settings.reduction,
        space_to_depth=settings.space_to_depth,
        sections=settings.sections,
        objects=(settings.object_name,),
        normalisation="(grey - 128) / 64, inside the network",
        alignment=alignment,
        pixel_size_nm=described.pixel_size_nm,
        z_range_nm=described.z_range_nm,
        halo_exact=exact,
        halo_fast=fast,
        threshold=validation["threshold"],
        metrics={"held_out": validation},
        training={**settings.for_header(), "sources": [source.for_header() for source in described.sources]},
        data_licence=described.data_licence,
    )
    path = order.output / f"{order.name}.onnx"
    export_checkpoint(network, header, path)
    logger.info("checkpoint written", extra={"path": str(path), "halo_fast": fast, "halo_exact": exact})
    return path


def _best_network(settings: TrainingSettings, best: Path) -> tuple[ServedNetwork, dict[str, float]]:
    """Return the network with the best weights, as a checkpoint stores them, and the row of their validation."""
    saved = torch.load(best, weights_only=True, map_location="cpu")
    network = make_network(settings)
    network.load_state_dict(saved["weights"])
    _round_as_stored(network)
    validation: dict[str, float] = json.loads(saved["summary"])["validation"]
    return network, validation


def _round_as_stored(network: ServedNetwork) -> None:
    """Round the weights of convolutions to the float16 values that the checkpoint stores."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.half().float()


def _windows(stack: LabelledStack, sections: int, alignment: int) -> Iterator[NDArray[np.uint8]]:
    """Yield whole sections with their neighbours, (sections, y, x), cut or zero-padded to the alignment."""
    for z, image in enumerate(stack.images):
        height, width = (max(side // alignment, 1) * alignment for side in image.shape)
        planes = np.stack(neighbours(stack, z, sections))[:, :height, :width]
        yield np.pad(planes, [(0, 0), (0, height - planes.shape[1]), (0, width - planes.shape[2])])
