"""The trainer: from labelled stacks to weights.

A time budget is turned into a number of steps after a warm-up. Everything that a step draws depends on the seed and the
step only, so that an interrupted training resumes from its state file. The averaged weights of the network
(exponential, decay 0.995) are validated and stored.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from emstream_training.data.batches import Batch, batches, make_batch
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.data.patches import PatchSampler
from emstream_training.fit.device import autocast, full_memory_explained, set_up
from emstream_training.fit.resume import StateFile, TrainingState, fresh_state, save_tensors
from emstream_training.fit.validation import Curve, Row, validate
from emstream_training.settings import TrainingSettings

logger = logging.getLogger(__name__)

WARM_UP_STEPS = 10
"""Steps before the steps are timed, and number of the steps that are timed."""
AVERAGE_DECAY = 0.995
"""Share of the averaged weights that stays after each step, once the training is well under way."""
LARGEST_NORM = 5.0
"""Norm to which the gradients are clipped."""
DIGITS = 4
"""Decimals of a number in the curve."""
WRITTEN = ("state.pt", "best.pt", "curve.csv", "curve.png")
"""Files of a training in its folder."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress after a step. steps: 0 until the time budget is turned into steps; row: of a validation just done."""

    step: int
    steps: int
    loss: float
    best_f1: float
    row: Row | None = None

    @classmethod
    def of(cls, state: TrainingState, row: Row | None) -> Progress:
        """Return the progress of a state. The loss is the mean since the last validation, or else the last step's."""
        return cls(state.step, state.steps, row.loss if row else state.losses[-1], state.best_f1, row)

    @property
    def is_best(self) -> bool:
        """Whether the validation just done is the best so far; rows are rounded."""
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

    held_out: fully labelled stacks; F1 is computed over all of them together. show: called after each step. Resumes
    from `folder/state.pt` if it exists. Raises OutputInUse if the file is another training's, OutOfMemory, DiskFull.
    """
    set_up(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob(".*.part"):
        left_over.unlink()
    file = StateFile.of(folder, settings, stacks, held_out)
    state = fresh_state(settings)
    file.restore(state, settings.device)
    curve = Curve(folder, state.step)
    sampler, judge = PatchSampler(stacks, settings), _Judge(held_out, settings, folder)
    if settings.start_from and state.step == 0 and not curve.rows:
        start = judge.validate_start(state, make_batch(sampler, settings, 0))
        file.save(state)
        curve.add(start)
        show(Progress.of(state, start))
    with full_memory_explained(), closing(batches(sampler, settings, state.step)) as source:
        for _ in _steps(state, source, settings):
            row = None
            if judge.is_due(state):
                row = judge.validate(state)
                curve.add(row)
            if row or state.step % settings.save_every == 0:
                file.save(state)
            show(Progress.of(state, row))
    return judge.best


def _steps(state: TrainingState, source: Iterator[Batch], settings: TrainingSettings) -> Iterator[None]:
    """Do step after step up to the last one, yielding after each."""
    forward: Callable[[Tensor], Tensor] = torch.compile(state.network) if settings.use_compile else state.network
    clock = _Clock(settings.minutes, state.step)
    while state.steps == 0 or state.step < state.steps:
        state.losses.append(_step(state, forward, next(source), settings))
        state.step += 1
        state.steps = state.steps or clock.steps_at(state.step)
        yield


@dataclass(frozen=True, slots=True)
class _Judge:
    """Validates states, and keeps the best weights in `folder/best.pt`."""

    held_out: Sequence[LabelledStack]
    settings: TrainingSettings
    folder: Path

    @property
    def best(self) -> Path:
        """File of the best weights."""
        return self.folder / "best.pt"

    def is_due(self, state: TrainingState) -> bool:
        """Return whether a validation follows the step just done; none does before the number of steps is known."""
        return state.steps > 0 and (state.step % self.settings.validate_every == 0 or state.step == state.steps)

    def validate(self, state: TrainingState) -> Row:
        """Measure the averaged weights, and keep them if they are the best so far."""
        total, threshold = validate(state.average, self.held_out, self.settings)
        loss = float(np.mean(state.losses))
        state.losses = []
        measured = [round(value, DIGITS) for value in (loss, total.f1, total.precision, total.recall, threshold)]
        row = Row(state.step, *measured)
        logger.info("validated", extra=asdict(row))
        if total.f1 > state.best_f1:
            state.best_f1 = total.f1
            summary = json.dumps({"settings": self.settings.for_header(), "validation": asdict(row)})
            save_tensors(self.best, {"weights": state.average.state_dict(), "summary": summary})
        return row

    @torch.no_grad()
    def validate_start(self, state: TrainingState, batch: Batch) -> Row:
        """Measure the initial weights of a fine-tuning, which never ends with worse ones; the loss is of one batch."""
        batch = batch.on(self.settings.device)
        state.average.eval()
        with autocast(self.settings):
            logits = state.average(batch.images)
        state.losses = [float(segmentation_loss(logits.float(), batch.target, batch.known))]
        return self.validate(state)


class _Clock:
    """Turns a time budget into a number of steps, by timing a few steps after a warm-up."""

    def __init__(self, minutes: float, first_step: int) -> None:
        self._seconds = minutes * 60
        self._warm = first_step + WARM_UP_STEPS
        self._began = 0.0

    def steps_at(self, step: int) -> int:
        """Return the number of steps once it is known, and 0 before."""
        if step == self._warm:
            self._began = time.monotonic()
        if step < self._warm + WARM_UP_STEPS:
            return 0
        seconds = (time.monotonic() - self._began) / WARM_UP_STEPS
        steps = max(step + 1, int(self._seconds / seconds))
        logger.info("steps planned", extra={"steps": steps, "seconds_per_step": round(seconds, 2)})
        return steps


def _learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """Return the rate of a step: linear warm-up over the first twentieth, then a cosine to zero.

    Until the number of steps is known it is constant after a warm-up of 40 steps.
    """
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
    nn.utils.clip_grad_norm_(state.network.parameters(), LARGEST_NORM)
    state.optimizer.step()
    _follow(state)
    return float(loss.detach())


@torch.no_grad()
def _follow(state: TrainingState) -> None:
    """Move the averaged weights towards those of the network; counters are copied."""
    decay = min(AVERAGE_DECAY, (1 + state.step) / (10 + state.step))
    for kept, new in zip(state.average.state_dict().values(), state.network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


HARD_SHARE = 0.25
"""Share of the known pixels, the ones with the largest cross-entropy, that get half of its weight."""


def segmentation_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return binary cross-entropy (half of it over the hardest pixels) plus soft Dice over the batch.

    logits, target, known: float32 (n, 1, h, w); target 0..1, known 1 where the label counts and 0 elsewhere. Dice over
    the whole batch (not per patch) keeps patches without structure meaningful. Dice: Milletari et al., V-Net (2016).
    """
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * known
    mean = cross_entropy.sum() / known.sum().clamp(min=1)
    count = max(1, int(HARD_SHARE * float(known.sum())))
    hard = cross_entropy.flatten().topk(count).values.mean()
    probability = torch.sigmoid(logits) * known
    overlap = (probability * target).sum()
    dice = 1 - (2 * overlap + 1) / (probability.sum() + (target * known).sum() + 1)
    return 0.5 * mean + 0.5 * hard * HARD_SHARE + dice
