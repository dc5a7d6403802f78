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

import torch
from torch import nn

from emstream.errors import OutputInUse
from emstream.models.checkpoint import read_weights
from emstream.models.networks.serving import ServedNetwork
from emstream.volume.files import write_bytes
from emstream_training.data.labelled_files import LabelledStack
from emstream_training.fit.initial_weights import fitting_weights
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
