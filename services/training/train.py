"""The trainer: labelled stacks in, weights out.

A time budget is turned into a number of steps after a warm-up; what a step draws depends on the seed and the step only,
so an interrupted training goes on from its state file. The network's averaged weights (exponential, decay 0.995)
are validated and shipped.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from services.training.augment import augment
from services.training.curve import Curve, Row
from services.training.labelled_files import LabelledStack
from services.training.losses import segmentation_loss
from services.training.marks import IGNORE
from services.training.patches import PatchSampler
from services.training.settings import TrainingSettings
from services.training.state import StateFile, TrainingState, fresh_state, save_tensors
from services.training.validation import validated

logger = logging.getLogger(__name__)

WARM_UP_STEPS = 10
AVERAGE_DECAY = 0.995
WRITTEN = ("state.pt", "best.pt", "curve.csv")
"""What a training keeps in its folder."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is. steps: 0 while the time budget is not yet turned into steps; row: if just validated."""

    step: int
    steps: int
    loss: float
    best_f1: float
    row: Row | None = None


Show = Callable[[Progress], None]


def train(
    stacks: Sequence[LabelledStack],
    held_out: Sequence[LabelledStack],
    settings: TrainingSettings,
    folder: Path,
    show: Show = lambda progress: None,
) -> Path:
    """Train, writing `state.pt`, `best.pt`, and `curve.csv` into `folder`; return the path of the best weights.

    held_out: fully labelled; F1 is that of all of them together. Goes on from `folder/state.pt` if it is there; raises
    OutputInUse if that is another training's. `show` is called after each step.
    """
    torch.set_num_threads(settings.threads)
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".*.part"):
        left_over.unlink()
    file = StateFile.of(folder, settings, stacks, held_out)
    state = fresh_state(settings)
    file.restore(state)
    curve = Curve(folder, state.step)
    sampler = PatchSampler(stacks, settings.sections, settings.patch, settings.scale, settings.seed)
    forward: Callable[[Tensor], Tensor] = torch.compile(state.network) if settings.use_compile else state.network
    clock = _Clock(settings.minutes, state.step)
    while state.steps == 0 or state.step < state.steps:
        state.losses.append(_step(state, forward, sampler, settings))
        state.step += 1
        state.steps = state.steps or clock.steps_at(state.step)
        row = None
        if state.steps and (state.step % settings.validate_every == 0 or state.step == state.steps):
            row = _validate(state, held_out, settings, folder)
            curve.add(row)
        if row or state.step % settings.save_every == 0:
            file.save(state)
        show(Progress(state.step, state.steps, row.loss if row else state.losses[-1], state.best_f1, row))
    return folder / "best.pt"


class _Clock:
    """Turns a time budget into a number of steps: after a warm-up, a few steps are timed."""

    def __init__(self, minutes: float, first_step: int) -> None:
        self._seconds = minutes * 60
        self._warm = first_step + WARM_UP_STEPS
        self._began = 0.0

    def steps_at(self, step: int) -> int:
        """Return the number of steps once it is known, 0 before."""
        if step == self._warm:
            self._began = time.monotonic()
        if step < self._warm + WARM_UP_STEPS:
            return 0
        seconds = (time.monotonic() - self._began) / WARM_UP_STEPS
        steps = max(step + 1, int(self._seconds / seconds))
        logger.info("steps planned", extra={"steps": steps, "seconds_per_step": round(seconds, 2)})
        return steps


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


def _validate(state: TrainingState, held_out: Sequence[LabelledStack], settings: TrainingSettings, folder: Path) -> Row:
    """Measure the averaged weights, and keep them if they are the best so far."""
    total, threshold = validated(state.average, held_out, settings)
    loss = float(np.mean(state.losses))
    state.losses = []
    measured = [round(value, 4) for value in (loss, total.f1, total.precision, total.recall, threshold)]
    row = Row(state.step, *measured)
    logger.info("validated", extra=asdict(row))
    if total.f1 > state.best_f1:
        state.best_f1 = total.f1
        summary = json.dumps({"settings": settings.told(), "validation": asdict(row)})
        save_tensors(folder / "best.pt", {"weights": state.average.state_dict(), "summary": summary})
    return row
