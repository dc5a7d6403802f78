"""State of a training, in memory and on disk: a training killed at any moment resumes from the last saved state.

Everything else that a step needs is drawn from the seed and the number of the step. On a CPU, in float32 and with the
same number of threads, a resumed training ends with the same bytes as one that was never interrupted.
"""

from __future__ import annotations

import io
import json
import logging
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emstream.errors import OutputInUse
from emstream.models.checkpoint import read_weights
from emstream.models.networks.serving import ServedNetwork
from emstream.volume.files import write_bytes
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.settings import TrainingSettings

logger = logging.getLogger(__name__)

WAY_OUT = "give another folder, or --restart to start again in this one"
"""Remedy at the end of every message about another training's folder."""


@dataclass
class TrainingState:
    """State of a running training. losses: of the steps since the last validation."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    steps: int = 0
    best_f1: float = -1.0
    losses: list[float] = field(default_factory=list)

    def saved(self) -> dict[str, object]:
        """Return the content of the state file."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "steps": self.steps,
            "best_f1": self.best_f1,
            "losses": self.losses,
        }


@dataclass(frozen=True, slots=True)
class StateFile:
    """File of saved states. identity: settings and sources of the training that they belong to, as JSON."""

    path: Path
    identity: str

    @classmethod
    def of(
        cls,
        folder: Path,
        settings: TrainingSettings,
        stacks: Sequence[LabelledStack],
        held_out: Sequence[LabelledStack],
    ) -> StateFile:
        """Return the state file of a training."""
        listed = {"sources": [_facts(s) for s in stacks], "validation": [_facts(s) for s in held_out]}
        return cls(folder / "state.pt", json.dumps({**settings.deciding(), **listed}, sort_keys=True))

    def save(self, state: TrainingState) -> None:
        """Replace the saved state in one step. Raises DiskFull."""
        save_tensors(self.path, {"identity": self.identity, **state.saved()})

    def restore(self, state: TrainingState, device: str) -> None:
        """Change a fresh state into the saved one, if the file exists.

        Raises OutputInUse if the file belongs to another training, naming the first setting that differs.
        """
        if not self.path.exists():
            return
        try:
            saved = torch.load(self.path, weights_only=True, map_location=device)
            identity = json.loads(saved["identity"])
        except (RuntimeError, OSError, EOFError, KeyError, pickle.UnpicklingError) as error:
            raise OutputInUse(f"{self.path} is not a state of this version ({error}): {WAY_OUT}") from error
        self._check_same(identity)
        state.network.load_state_dict(saved["network"])
        state.average.load_state_dict(saved["average"])
        state.optimizer.load_state_dict(saved["optimizer"])
        state.step, state.steps = saved["step"], saved["steps"]
        state.best_f1, state.losses = saved["best_f1"], saved["losses"]
        logger.info("training resumed", extra={"step": state.step, "steps": state.steps})

    def _check_same(self, saved: Mapping[str, object]) -> None:
        own = json.loads(self.identity)
        for name in own:
            if own[name] != saved.get(name):
                was = "" if isinstance(own[name], list) else f" ({saved.get(name)!r} there, {own[name]!r} now)"
                raise OutputInUse(f"{self.path.parent} holds a training with another '{name}'{was}: {WAY_OUT}")


def _facts(stack: LabelledStack) -> dict[str, object]:
    return {**stack.source.for_header(), "sizes": [image.shape for image in stack.images]}


def save_tensors(path: Path, content: Mapping[str, object]) -> None:
    """Replace a file by `content`, in torch's format, in one step. Raises DiskFull."""
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    write_bytes(path, buffer.getvalue())


def fresh_state(settings: TrainingSettings) -> TrainingState:
    """Return a state before the first step: random weights by the seed, or the weights of the initial checkpoint."""
    torch.manual_seed(settings.seed)
    network = make_network(settings)
    if settings.start_from is not None:
        known = read_weights(Path(settings.start_from))
        network.load_state_dict(fitting_weights(known, network.state_dict()))
    average = make_network(settings)
    average.load_state_dict(network.state_dict())
    network, average = (
        n.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        for n in (network, average)
    )
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    return TrainingState(network, average, optimizer, steps=settings.steps or 0)


def make_network(settings: TrainingSettings) -> ServedNetwork:
    """Return the network that the settings describe, for one structure."""
    return ServedNetwork(
        settings.sections, 1, settings.width, settings.reduction, settings.network, settings.space_to_depth
    )


def fitting_weights(known: Mapping[str, NDArray[np.generic]], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights `wanted`, replaced by those of `known` where they fit.

    known: arrays by state_dict name, as a checkpoint holds them. A convolution over another number of sections is
    centred: missing neighbours start at zero, and surplus neighbours are added to the middle. A convolution over means
    of blocks, when each pixel of a block becomes a channel, starts with equal weights for all of them. Weights that do
    not fit stay as they are, and their names are logged (except counters of batches, which no checkpoint has).
    """
    found, kept = {}, []
    for name, own in wanted.items():
        given = known.get(name)
        fitted = None if given is None else _fit(np.asarray(given), tuple(own.shape))
        if fitted is None and not name.endswith("num_batches_tracked"):
            kept.append(name)
        found[name] = own if fitted is None else torch.from_numpy(fitted.copy())
    if kept:
        logger.warning("weights that start at random", extra={"names": kept})
    return found


def _fit(given: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic] | None:
    if given.shape == shape:
        return given
    counts = given.shape[1:2] + shape[1:2]
    is_other_only_in_input = len(shape) == 4 and given.shape[:1] + given.shape[2:] == shape[:1] + shape[2:]
    if not is_other_only_in_input or any(count not in _INPUTS for count in counts):
        return None
    (many, pixels), (wanted, wanted_pixels) = (_INPUTS[count] for count in counts)
    if pixels not in (1, wanted_pixels):
        return None
    blocks = given.reshape(len(given), many, pixels, *shape[2:])
    if pixels < wanted_pixels:  # the mean of a block is the same as all its pixels with equal weights
        blocks = np.repeat(blocks.astype(np.float32) / wanted_pixels, wanted_pixels, axis=2)
    return _over_sections(blocks, wanted).reshape(shape)


def _over_sections(given: NDArray[np.generic], wanted: int) -> NDArray[np.generic]:
    """Return weights (channel, section, ...) over another number of sections."""
    many = given.shape[1]
    if wanted >= many:
        missing = (wanted - many) // 2
        return np.pad(given, [(0, 0), (missing, missing), *[(0, 0)] * (given.ndim - 2)])
    surplus = (many - wanted) // 2
    middle = given[:, surplus : surplus + wanted].copy()
    middle[:, wanted // 2] = given.sum(axis=1) - middle.sum(axis=1) + middle[:, wanted // 2]
    return middle


_INPUTS = {sections * side**2: (sections, side**2) for sections in (1, 3, 5) for side in (1, 2, 4)}
"""Number of input channels -> (sections, pixels of a block that have channels of their own)."""
