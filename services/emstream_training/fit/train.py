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
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emstream_training.data.batches import Batch, batches, make_batch
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.data.patches import PatchSampler
from emstream_training.fit.curve import Curve, Row
from emstream_training.fit.device import autocast, memory_told, set_up
from emstream_training.fit.losses import segmentation_loss
from emstream_training.fit.resume import StateFile, TrainingState, fresh_state, save_tensors
from emstream_training.fit.validation import validated
from emstream_training.settings import TrainingSettings

logger = logging.getLogger(__name__)

WARM_UP_STEPS = 10
AVERAGE_DECAY = 0.995
DIGITS = 4  # of the curve
WRITTEN = ("state.pt", "best.pt", "curve.csv", "curve.png")
"""What a training keeps in its folder."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is. steps: 0 while the time budget is not yet turned into steps; row: if just validated."""

    step: int
    steps: int
    loss: float
    best_f1: float
    row: Row | None = None

    @property
    def is_best(self) -> bool:
        """Whether what was just validated is the best so far; rows are rounded."""
        return self.row is not None and self.row.f1 >= round(self.best_f1, DIGITS)


Show = Callable[[Progress], None]


def train(
    stacks: Sequence[LabelledStack],
    held_out: Sequence[LabelledStack],
    settings: TrainingSettings,
    folder: Path,
    show: Show = lambda progress: None,
) -> Path:
    """Train, writing `state.pt`, `best.pt` and the curve into `folder`; return the path of the best weights.

    held_out: fully labelled; F1 is that of all of them together. Goes on from `folder/state.pt` if it is there; raises
    OutputInUse if that is another training's, and OutOfMemory. `show` is called after each step.
    """
    set_up(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".*.part"):
        left_over.unlink()
    file = StateFile.of(folder, settings, stacks, held_out)
    state = fresh_state(settings)
    file.restore(state, settings.device)
    curve = Curve(folder, state.step)
    sampler = PatchSampler(stacks, settings.sections, settings.patch, settings.scale, settings.seed)
    forward: Callable[[Tensor], Tensor] = torch.compile(state.network) if settings.use_compile else state.network
    clock = _Clock(settings.minutes, state.step)
    if settings.start_from and state.step == 0 and not curve.rows:
        start = _validate_start(state, sampler, held_out, settings, folder)
        file.save(state)
        curve.add(start)
        show(Progress(0, state.steps, start.loss, state.best_f1, start))
    with memory_told(), closing(batches(sampler, settings, state.step)) as source:
        while state.steps == 0 or state.step < state.steps:
            state.losses.append(_step(state, forward, next(source), settings))
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


def _step(state: TrainingState, forward: Callable[[Tensor], Tensor], batch: Batch, settings: TrainingSettings) -> float:
    for group in state.optimizer.param_groups:
        group["lr"] = _learning_rate(settings, state.step, state.steps)
    state.network.train()
    with autocast(settings):
        logits = forward(batch.images)
    loss = segmentation_loss(logits.float(), batch.target, batch.known)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's stub
    nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimizer.step()
    _follow(state)
    return float(loss.detach())


@torch.no_grad()
def _follow(state: TrainingState) -> None:
    decay = min(AVERAGE_DECAY, (1 + state.step) / (10 + state.step))
    for kept, new in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.no_grad()
def _validate_start(
    state: TrainingState,
    sampler: PatchSampler,
    held_out: Sequence[LabelledStack],
    settings: TrainingSettings,
    folder: Path,
) -> Row:
    """Measure the weights that a fine-tuning starts from: it never ends with worse ones. Loss: of the first batch."""
    batch = make_batch(sampler, settings, 0).on(settings.device)
    state.average.eval()
    with autocast(settings):
        logits = state.average(batch.images)
    state.losses = [float(segmentation_loss(logits.float(), batch.target, batch.known))]
    return _validate(state, held_out, settings, folder)


def _validate(state: TrainingState, held_out: Sequence[LabelledStack], settings: TrainingSettings, folder: Path) -> Row:
    """Measure the averaged weights, and keep them if they are the best so far."""
    total, threshold = validated(state.average, held_out, settings)
    loss = float(np.mean(state.losses))
    state.losses = []
    measured = [round(value, DIGITS) for value in (loss, total.f1, total.precision, total.recall, threshold)]
    row = Row(state.step, *measured)
    logger.info("validated", extra=asdict(row))
    if total.f1 > state.best_f1:
        state.best_f1 = total.f1
        summary = json.dumps({"settings": settings.told(), "validation": asdict(row)})
        save_tensors(folder / "best.pt", {"weights": state.average.state_dict(), "summary": summary})
    return row
