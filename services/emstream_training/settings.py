"""Settings of a training: the ones that decide its result, and the ones that decide only where and how it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from emstream.errors import SettingsError
from emstream.models.checkpoint import Checkpoint
from emstream.models.networks.serving import architecture

LEARNING_RATE = 2e-3
"""Highest learning rate of a training from random weights."""
FINE_TUNING = 0.1
"""Share of LEARNING_RATE for a training that starts from a checkpoint."""
RUNNING = frozenset({"device", "threads", "use_bf16", "use_compile", "save_every"})
"""Settings that may differ when a training resumes: they decide where it runs, not what it learns."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Settings of a training; all of them are stored in the checkpoint's header.

    patch: side in pixels. scale: patches are enlarged or reduced by up to this factor. minutes: time budget, turned
    into steps after a warm-up, unless `steps` is given. validate_every, save_every: intervals in steps. device: "cpu"
    or "cuda". Raises SettingsError for values with which no network can be made or trained.
    """

    object_name: str
    network: str = "MultiResUNet"
    sections: int = 3
    width: float = 1.0
    reduction: int = 1
    space_to_depth: bool = False
    patch: int = 512
    batch: int = 4
    scale: float = 1.4
    learning_rate: float = LEARNING_RATE
    weight_decay: float = 1e-4
    minutes: float = 60.0
    steps: int | None = None
    seed: int = 1
    validate_every: int = 200
    save_every: int = 50
    use_compile: bool = False
    use_bf16: bool = False
    device: str = "cpu"
    start_from: str | None = None
    threads: int = field(default_factory=torch.get_num_threads)

    def __post_init__(self) -> None:
        alignment = architecture(self.network).aligned(self.reduction)
        if self.sections not in (1, 3, 5):
            raise SettingsError(f"sections must be 1, 3 or 5, got {self.sections}")
        if self.reduction not in (1, 2, 4):
            raise SettingsError(f"reduction must be 1, 2 or 4, got {self.reduction}")
        if self.space_to_depth and self.reduction == 1:
            raise SettingsError(
                "space to depth needs a reduced network: add --reduction 2, or leave --space-to-depth out"
            )
        if self.patch % alignment:
            raise SettingsError(f"patch must be a multiple of {alignment} for this network, got {self.patch}")

    @classmethod
    def starting_from(cls, checkpoint: Checkpoint) -> TrainingSettings:
        """Return the defaults for fine-tuning a checkpoint: its network and structure, and a lower learning rate."""
        header = checkpoint.header
        return cls(
            object_name=header.objects[0],
            network=header.network,
            sections=header.sections,
            width=header.width,
            reduction=header.reduction,
            space_to_depth=header.space_to_depth,
            learning_rate=LEARNING_RATE * FINE_TUNING,
            start_from=str(checkpoint.path),
        )

    @property
    def checkpoint_name(self) -> str:
        """Default name of the checkpoint."""
        return f"{self.object_name}-{self.network.lower()}-{self.sections}fm"

    def for_header(self) -> dict[str, object]:
        """Return the settings for a checkpoint's header: of `start_from` the file's name only, not its folder."""
        return asdict(self) | {"start_from": self.start_from and Path(self.start_from).name}

    def deciding(self) -> dict[str, object]:
        """Return the settings that must be the same when a training resumes."""
        return {name: value for name, value in self.for_header().items() if name not in RUNNING}
