"""What decides a training, and what only decides where and how it runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from emstream.errors import SettingsError
from emstream.models.checkpoint import Checkpoint
from emstream.models.networks.architectures import architecture

LEARNING_RATE, FINE_TUNING = 2e-3, 0.1  # the largest, and the share of it with which trained weights go on
RUNNING = frozenset({"device", "threads", "use_bf16", "use_compile", "save_every"})
"""Settings that may differ when a training goes on: they say where it runs, not what it learns."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What decides a training, stored whole in the checkpoint's header.

    patch: side in pixels. scale: patches are scaled by up to this much, both ways. minutes: time budget, turned into
    steps after a warm-up, unless `steps` is given. validate_every, save_every: steps. device: "cpu" or "cuda".
    Raises SettingsError for what no network can be made or trained with.
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
        """Return the defaults for fine-tuning a checkpoint: its network and object, and smaller steps."""
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
        """Return what the checkpoint is called where it is given no name."""
        return f"{self.object_name}-{self.network.lower()}-{self.sections}fm"

    def told(self) -> dict[str, object]:
        """Return them as a header may tell them: of the checkpoint that was started from its name, not its place."""
        return asdict(self) | {"start_from": self.start_from and Path(self.start_from).name}

    def deciding(self) -> dict[str, object]:
        """Return those that must be the same when a training goes on."""
        return {name: value for name, value in self.told().items() if name not in RUNNING}
