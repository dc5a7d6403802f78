"""The trainer: labelled stacks in, a checkpoint out.

A time budget is turned into a number of steps after a warm-up; what a step draws depends on the seed and the step only,
so an interrupted training goes on from its state file. The network's averaged weights (exponential, decay 0.995)
are validated and shipped.
"""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emstream.checkpoint import read_weights
from emstream.metrics import Confusion
from emstream.networks.architectures import architecture
from emstream.networks.serving import ServedNetwork
from services.training.augment import augment
from services.training.labelled_files import LabelledStack, neighbours
from services.training.losses import segmentation_loss
from services.training.marks import IGNORE
from services.training.patches import PatchSampler
from services.training.transfer import fitting_weights

logger = logging.getLogger(__name__)

WARM_UP_STEPS = 10
AVERAGE_DECAY = 0.995


def has_fast_bf16() -> bool:
    """Tell whether this CPU multiplies bfloat16 itself; elsewhere it is slower than float32 (2.3 times on AVX2)."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What decides a training, stored whole in the checkpoint's header."""

    object_name: str
    network: str = "MultiResUNet"
    sections: int = 3
    width: float = 1.0
    reduction: int = 1
    patch: int = 512
    batch: int = 4
    scale: float = 1.4
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    minutes: float = 60.0
    steps: int | None = None
    seed: int = 1
    validate_every: int = 200
    use_compile: bool = False
    use_bf16: bool = field(default_factory=has_fast_bf16)
    start_from: str | None = None
    threads: int = field(default_factory=torch.get_num_threads)


@dataclass
class TrainingState:
    """What a training is made of while it runs."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    steps: int = 0
    best_f1: float = -1.0
    best_threshold: float = 0.5


def train(
    stacks: Sequence[LabelledStack], held_out: Sequence[LabelledStack], settings: TrainingSettings, folder: Path
) -> Path:
    """Train, writing `state.pt`, `best.pt`, and `curve.csv` into `folder`; return the path of the best weights.

    held_out: fully labelled; F1 is that of all of them together. Goes on from `folder/state.pt` if it is there.
    """
    torch.set_num_threads(settings.threads)
    folder.mkdir(parents=True, exist_ok=True)
    sampler = PatchSampler(stacks, settings.sections, settings.patch, settings.scale, settings.seed)
    state = _start(settings, folder)
    forward: Callable[[Tensor], Tensor] = torch.compile(state.network) if settings.use_compile else state.network
    began, clock_step, recent = 0.0, state.step + WARM_UP_STEPS, []
    while state.steps == 0 or state.step < state.steps:
        recent.append(_step(state, forward, sampler, settings))
        state.step += 1
        if state.steps == 0 and state.step == clock_step:
            began = time.monotonic()
        if state.steps == 0 and state.step == clock_step + WARM_UP_STEPS:
            seconds = (time.monotonic() - began) / WARM_UP_STEPS
            state.steps = settings.steps or int(settings.minutes * 60 / seconds)
            logger.info("steps planned", extra={"steps": state.steps, "seconds_per_step": round(seconds, 2)})
        if state.steps and (state.step % settings.validate_every == 0 or state.step == state.steps):
            _validate(state, held_out, settings, folder, float(np.mean(recent)))
            recent = []
    return folder / "best.pt"


def _network(settings: TrainingSettings) -> ServedNetwork:
    return ServedNetwork(settings.sections, 1, settings.width, settings.reduction, settings.network)


def _start(settings: TrainingSettings, folder: Path) -> TrainingState:
    torch.manual_seed(settings.seed)
    network = _network(settings)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    if settings.start_from is not None:
        known = read_weights(Path(settings.start_from))
        network.load_state_dict(fitting_weights(known, network.state_dict()))
    average = _network(settings)
    average.load_state_dict(network.state_dict())
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    state = TrainingState(network, average, optimizer, steps=settings.steps or 0)
    path = folder / "state.pt"
    if path.exists():
        saved = torch.load(path, weights_only=True)
        network.load_state_dict(saved["network"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        state.step, state.steps = saved["step"], saved["steps"]
        state.best_f1, state.best_threshold = saved["best_f1"], saved["best_threshold"]
        logger.info("training resumed", extra={"step": state.step, "steps": state.steps})
    return state


def _learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """Linear warm-up over the first twentieth, then a cosine to zero; constant until the number of steps is known."""
    share = step / steps if steps else 0.0
    warm = min(1.0, (step + 1) / (0.05 * steps if steps else 40))
    return float(settings.learning_rate * warm * 0.5 * (1 + np.cos(np.pi * share)))


def _step(
    state: TrainingState, forward: Callable[[Tensor], Tensor], sampler: PatchSampler, settings: TrainingSettings
) -> float:
    images, labels = sampler.batch(state.step, settings.batch)
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + state.step)
    x = augment(torch.from_numpy(images).float(), generator).contiguous(memory_format=torch.channels_last)
    target, known = _targets(torch.from_numpy(labels)[:, None], settings.reduction)
    for group in state.optimizer.param_groups:
        group["lr"] = _learning_rate(settings, state.step, state.steps)
    state.network.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=settings.use_bf16):
        logits = forward(x)
    loss = segmentation_loss(logits.float(), target, known)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's stub
    nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    _follow(state)
    return float(loss.detach())


def _targets(labels: Tensor, reduction: int) -> tuple[Tensor, Tensor]:
    known = (labels != IGNORE).float()
    target = (labels == 1).float()
    if reduction == 1:
        return target, known
    pool = nn.functional.avg_pool2d
    return pool(target, reduction), (pool(known, reduction) == 1).float()


@torch.no_grad()
def _follow(state: TrainingState) -> None:
    decay = min(AVERAGE_DECAY, (1 + state.step) / (10 + state.step))
    for kept, new in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def _validate(
    state: TrainingState, held_out: Sequence[LabelledStack], settings: TrainingSettings, folder: Path, loss: float
) -> None:
    thresholds = np.arange(64, 232, 8)
    totals = [Confusion() for _ in thresholds]
    for probabilities, label in chain.from_iterable(predict_stack(state.average, s, settings) for s in held_out):
        for index, level in enumerate(thresholds):
            totals[index] += Confusion.of(probabilities >= level, label == 1)
    best = int(np.argmax([total.f1 for total in totals]))
    total, threshold = totals[best], float(thresholds[best]) / 255
    row = {
        "step": state.step,
        "loss": round(loss, 4),
        "f1": round(total.f1, 4),
        "precision": round(total.precision, 4),
        "recall": round(total.recall, 4),
        "threshold": round(threshold, 3),
        "time": time.strftime("%H:%M:%S"),
    }
    _append(folder / "curve.csv", row)
    logger.info("validated", extra=row)
    if total.f1 > state.best_f1:
        state.best_f1, state.best_threshold = total.f1, threshold
        summary = {"settings": asdict(settings), "validation": row}
        torch.save({"weights": state.average.state_dict(), "summary": json.dumps(summary)}, folder / "best.pt")
    torch.save(
        {
            "network": state.network.state_dict(),
            "average": state.average.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "step": state.step,
            "steps": state.steps,
            "best_f1": state.best_f1,
            "best_threshold": state.best_threshold,
        },
        folder / "state.part",
    )
    (folder / "state.part").replace(folder / "state.pt")


@torch.no_grad()
def predict_stack(
    network: nn.Module, stack: LabelledStack, settings: TrainingSettings
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield, per section, the probability (h, w) uint8 and the label; sections padded with zeros to the alignment."""
    network.eval()
    alignment = architecture(settings.network).aligned(settings.reduction)
    for z, label in enumerate(stack.labels):
        planes = np.stack(neighbours(stack, z, settings.sections))
        _, height, width = planes.shape
        padding = [(0, 0), (0, -height % alignment), (0, -width % alignment)]
        x = torch.from_numpy(np.pad(planes, padding))[None].float()
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.use_bf16):
            logits = network(x.contiguous(memory_format=torch.channels_last)).float()
        if settings.reduction > 1:
            logits = nn.functional.interpolate(logits, scale_factor=settings.reduction, mode="bilinear")
        yield (torch.sigmoid(logits) * 255).round().to(torch.uint8).numpy()[0, 0, :height, :width], label


def _append(path: Path, row: dict[str, object]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
