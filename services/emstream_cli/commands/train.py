"""`emstream train`: labelled sections in, a checkpoint out."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emstream.errors import EngineUnavailable
from emstream.host.cpu_features import limit_instructions
from emstream.models.checkpoint import NetworkName, read_checkpoint
from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE
from emstream_cli.progress.training import TrainingProgress

if TYPE_CHECKING:
    from emstream_training.settings import TrainingSettings

THEIRS = ", or with --from what the checkpoint has"


class DeviceName(StrEnum):
    """Where a training can run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def train(
    data: Path = typer.Argument(..., help="JSON file that lists the labelled stacks (see docs/how-to/train.md)."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the curve, the state and the checkpoint."),
    object_name: str = typer.Option(None, "--object", help=f"Name of what is labelled. Default: mitochondria{THEIRS}."),
    name: str = typer.Option(None, help="Name of the checkpoint. Default: made of object, network and sections."),
    minutes: float = typer.Option(60, min=0.1, help="Time budget, turned into steps after warm-up."),
    steps: int = typer.Option(None, min=1, help="Number of steps, in place of a time budget."),
    network: NetworkName = typer.Option(
        None, help=f"MultiResUNet, or DeepEM3D: larger and slower, sees further. Default: MultiResUNet{THEIRS}."
    ),
    sections: int = typer.Option(None, min=1, max=5, help=f"Sections seen at once: 1, 3 or 5. Default: 3{THEIRS}."),
    width: float = typer.Option(None, min=0.1, max=2, help=f"Of the network; 1 = the paper's. Default: 1{THEIRS}."),
    reduction: int = typer.Option(
        None, min=1, max=4, help=f"Work at 1/1, 1/2 or 1/4 of the resolution. Default: 1{THEIRS}."
    ),
    space_to_depth: bool = typer.Option(
        None, help=f"With --reduction: see every pixel, in channels of its own, not the mean. Default: no{THEIRS}."
    ),
    batch: int = typer.Option(4, min=1, help="Patches in a step."),
    patch: int = typer.Option(512, min=64, help="Side of a patch in pixels."),
    start_from: Path = typer.Option(None, "--from", help="Start from the weights of a checkpoint."),
    learning_rate: float = typer.Option(
        None, min=1e-6, max=1, help="The largest one. Default: 0.002, or with --from a tenth of it."
    ),
    compiled: bool = typer.Option(False, "--compile", help="Use torch.compile: slower start, faster steps."),
    seed: int = typer.Option(1, help="Decides what each step draws."),
    validate_every: int = typer.Option(200, min=1, help="Steps between two validations."),
    save_every: int = typer.Option(50, min=1, help="Steps between two states on disk, from which it can go on."),
    restart: bool = typer.Option(False, help="Begin anew, over what another training left in the output folder."),
    device: DeviceName = typer.Option(DeviceName.AUTO, help="auto: CUDA if there, else the CPU."),
    verbose: bool = VERBOSE,
) -> None:
    """Train a network and write a checkpoint. Run again, it goes on where it was."""
    environment = start(verbose)
    limit_instructions(environment.amx)
    _check_installed()
    from emstream_training.fit.device import choose_device, wants_bf16
    from emstream_training.fit.run import Order, train_checkpoint

    place, base = choose_device(device), _defaults(start_from)
    settings = replace(
        base,
        object_name=object_name or base.object_name,
        network=network or base.network,
        sections=sections or base.sections,
        width=width or base.width,
        reduction=reduction or base.reduction,
        space_to_depth=base.space_to_depth if space_to_depth is None else space_to_depth,
        learning_rate=learning_rate or base.learning_rate,
        patch=patch,
        batch=batch,
        minutes=minutes,
        steps=steps,
        seed=seed,
        validate_every=validate_every,
        save_every=save_every,
        use_compile=compiled,
        use_bf16=wants_bf16(environment.precision, place),
        device=place,
    )
    order = Order(data, output, name or settings.checkpoint_name, settings, restart)
    with TrainingProgress() as show:
        path = train_checkpoint(order, show)
    say(f"checkpoint: {path}")


def _check_installed() -> None:
    try:
        import emstream_training.fit.run  # noqa: F401
    except ImportError as error:
        raise EngineUnavailable(f"training is not installed ({error}): pip install 'emstream[train]'") from error


def _defaults(start_from: Path | None) -> TrainingSettings:
    from emstream_training.settings import TrainingSettings

    if start_from is None:
        return TrainingSettings("mitochondria")
    return TrainingSettings.starting_from(read_checkpoint(start_from))
