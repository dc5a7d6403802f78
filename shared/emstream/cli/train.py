"""`emstream train`: labelled sections in, a checkpoint out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import typer

from emstream.checkpoint import NetworkName
from emstream.cli.app import app, say, start
from emstream.cli.options import VERBOSE
from emstream.cli.training_progress import TrainingProgress
from emstream.errors import EngineUnavailable
from emstream.processor import limit_instructions


class DeviceName(StrEnum):
    """Where a training can run."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@app.command()
def train(
    data: Path = typer.Argument(..., help="JSON file that lists the labelled stacks (see README)."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for the curve, the state and the checkpoint."),
    object_name: str = typer.Option("mitochondria", "--object", help="Name of what is labelled."),
    name: str = typer.Option(None, help="Name of the checkpoint. Default: made of object, network and sections."),
    minutes: float = typer.Option(60, min=0.1, help="Time budget, turned into steps after warm-up."),
    steps: int = typer.Option(None, min=1, help="Number of steps, in place of a time budget."),
    network: NetworkName = typer.Option("MultiResUNet", help="DeepEM3D: larger and slower, sees further."),
    sections: int = typer.Option(3, help="Sections seen at once: 1, 3 or 5."),
    width: float = typer.Option(1.0, min=0.1, max=2, help="Width of the network; 1 = the paper's."),
    reduction: int = typer.Option(1, help="Work at 1/1, 1/2 or 1/4 of the resolution."),
    batch: int = typer.Option(4, min=1, help="Patches in a step."),
    patch: int = typer.Option(512, min=64, help="Side of a patch in pixels."),
    start_from: Path = typer.Option(None, "--from", help="Start from a checkpoint of the same network."),
    learning_rate: float = typer.Option(2e-3, min=1e-6, max=1, help="Largest learning rate; a tenth for fine-tuning."),
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
    try:
        from services.training.command import Order, train_checkpoint
        from services.training.device import choose_device, has_fast_bf16
    except ImportError as error:
        raise EngineUnavailable(f"training is not installed ({error}): pip install 'emstream[train]'") from error
    from services.preprocess.readers.opening import open_stack
    from services.training.settings import TrainingSettings

    place = choose_device(device)
    settings = TrainingSettings(
        object_name=object_name,
        network=network,
        sections=sections,
        width=width,
        reduction=reduction,
        patch=patch,
        batch=batch,
        minutes=minutes,
        steps=steps,
        seed=seed,
        learning_rate=learning_rate,
        start_from=None if start_from is None else str(start_from),
        validate_every=validate_every,
        save_every=save_every,
        use_compile=compiled,
        use_bf16=environment.precision == "bf16" or (environment.precision == "auto" and has_fast_bf16(place)),
        device=place,
    )
    default = f"{object_name}-{network.lower()}-{sections}fm"
    order = Order(data, output, name or default, settings, restart)
    with TrainingProgress() as show:
        path = train_checkpoint(order, open_stack, show)
    say(f"checkpoint: {path}")
