"""From a training file to a checkpoint: train, measure the halo, export."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from emstream.checkpoint import Header
from emstream.errors import TrainingDataUnusable
from emstream.networks.architectures import architecture
from emstream.networks.serving import Probability, ServedNetwork
from services.training.dataset import LabelledStack, Source, load_stack, read_sources
from services.training.export import export_checkpoint
from services.training.halo import fast_halo
from services.training.train import TrainingSettings, train

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What `emstream train` was asked for."""

    data: Path
    output: Path
    name: str
    settings: TrainingSettings


def train_checkpoint(order: Order) -> Path:
    """Train (or go on), then write and return `<output>/<name>.onnx`. Raises TrainingDataUnusable."""
    sources = read_sources(order.data, "sources")
    held_out = read_sources(order.data, "validation")
    if len(held_out) != 1:
        raise TrainingDataUnusable(f"{order.data} must name one stack under 'validation', got {len(held_out)}")
    best = train(sources, held_out[0], order.settings, order.output)
    return finish_checkpoint(order, best, load_stack(held_out[0]))


def finish_checkpoint(order: Order, best: Path, held_out: LabelledStack) -> Path:
    """Measure the halo of the best weights and write the checkpoint."""
    settings = order.settings
    saved = torch.load(best, weights_only=True)
    made = architecture(settings.network)
    network = ServedNetwork(settings.sections, 1, settings.width, settings.reduction, settings.network)
    network.load_state_dict(saved["weights"])
    _round_as_stored(network)
    summary = json.loads(saved["summary"])
    alignment, exact = made.aligned(settings.reduction), made.exact_halo(settings.reduction)
    threshold = float(summary["validation"]["threshold"])
    module = Probability(network).eval()
    fast = fast_halo(module, list(_windows(held_out, settings.sections, alignment)), alignment, exact, threshold)
    description = json.loads(order.data.read_text())
    header = Header(
        name=order.name,
        network=made.name,
        width=settings.width,
        reduction=settings.reduction,
        sections=settings.sections,
        objects=(settings.object_name,),
        normalisation="(grey - 128) / 64, inside the network",
        alignment=alignment,
        pixel_size_nm=description.get("pixel_size_nm"),
        z_range_nm=tuple(description.get("z_range_nm", (1, 1000))),
        halo_exact=exact,
        halo_fast=fast,
        threshold=threshold,
        metrics={"held_out": summary["validation"]},
        training={**asdict(settings), "sources": [_public(s) for s in read_sources(order.data, "sources")]},
        data_licence=description.get("data_licence", ""),
    )
    path = order.output / f"{order.name}.onnx"
    export_checkpoint(network, header, path)
    logger.info("checkpoint written", extra={"path": str(path), "halo_fast": fast, "halo_exact": exact})
    return path


def _round_as_stored(network: ServedNetwork) -> None:
    """Bring the convolutions to the float16 values that the checkpoint holds."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.half().float()


def _windows(stack: LabelledStack, sections: int, alignment: int) -> Iterable[NDArray[np.uint8]]:
    half, last = sections // 2, len(stack.images) - 1
    for z, image in enumerate(stack.images):
        height, width = (side // alignment * alignment for side in image.shape)
        planes = [stack.images[min(max(z + k, 0), last)][:height, :width] for k in range(-half, half + 1)]
        yield np.stack(planes)


def _public(source: Source) -> dict[str, object]:
    """A source as told in a header: the last folders of its path, not where they lay."""
    facts = asdict(source)
    for key in ("images", "labels"):
        facts[key] = "/".join(Path(facts[key]).parts[-3:])
    return facts
