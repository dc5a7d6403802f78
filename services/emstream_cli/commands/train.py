"""`emstream train` and `emstream prepare`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emstream.errors import EngineUnavailable
from emstream.host import limit_instructions
from emstream.models.checkpoint import NetworkName, read_checkpoint
from emstream_cli.console import say, start, warn
from emstream_cli.options import Verbose
from emstream_cli.progress import TrainingProgress

if TYPE_CHECKING:
    from emstream_training.settings import TrainingSettings

THEIRS = ", or with --from what the checkpoint has"


Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """What is learnt, and by which network; what is not given comes from the checkpoint of --from, if there is one."""

    object_name: Annotated[
        str | None, typer.Option("--object", help=f"Structure that is labelled. Default: mitochondria{THEIRS}.")
    ] = None
    network: Annotated[
        NetworkName | None,
        typer.Option(
            help=f"MultiResUNet, or DeepEM3D: larger and slower, sees further. Default: MultiResUNet{THEIRS}."
        ),
    ] = None
    sections: Annotated[
        int | None, typer.Option(min=1, max=5, help=f"Sections seen at once: 1, 3 or 5. Default: 3{THEIRS}.")
    ] = None
    width: Annotated[
        float | None, typer.Option(min=0.1, max=2, help=f"Width of the network; 1 = the paper's. Default: 1{THEIRS}.")
    ] = None
    reduction: Annotated[
        int | None, typer.Option(min=1, max=4, help=f"Work at 1/1, 1/2 or 1/4 of the resolution. Default: 1{THEIRS}.")
    ] = None
    space_to_depth: Annotated[
        bool | None,
        typer.Option(
            help=f"With --reduction: see every pixel, in channels of its own, not the mean. Default: no{THEIRS}."
        ),
    ] = None
    start_from: Annotated[Path | None, typer.Option("--from", help="Start from the weights of a checkpoint.")] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(min=1e-6, max=1, help="Largest learning rate. Default: 0.002, or with --from a tenth of it."),
    ] = None

    def over(self, base: TrainingSettings) -> TrainingSettings:
        """Return the settings with what is given."""
        names = ("object_name", "network", "sections", "width", "reduction", "space_to_depth", "learning_rate")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(base, **given)


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """How long, on what, and how it goes on."""

    minutes: Annotated[float, typer.Option(min=0.1, help="Time budget, turned into steps after warm-up.")] = 60
    steps: Annotated[int | None, typer.Option(min=1, help="Number of steps, instead of a time budget.")] = None
    batch: Annotated[int, typer.Option(min=1, help="Patches in a step.")] = 4
    patch: Annotated[int, typer.Option(min=64, help="Side of a patch in pixels.")] = 512
    use_compile: Annotated[bool, typer.Option("--compile", help="Use torch.compile: slower start, faster steps.")] = (
        False
    )
    seed: Annotated[int, typer.Option(help="Decides what each step draws.")] = 1
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between two validations.")] = 200
    save_every: Annotated[
        int, typer.Option(min=1, help="Steps between two states on disk, from which it can go on.")
    ] = 50


def train(
    data: Annotated[Path, typer.Argument(help="JSON file that lists the labelled stacks (see docs/how-to/train.md).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the curve, the state and the checkpoint.")],
    network: NetworkOptions,
    schedule: ScheduleOptions,
    name: Annotated[
        str | None, typer.Option(help="Name of the checkpoint. Default: made of object, network and sections.")
    ] = None,
    restart: Annotated[
        bool, typer.Option(help="Begin again, over what another training left in the output folder.")
    ] = False,
    device: Annotated[Device, typer.Option(help="auto: CUDA if there is a GPU, else the CPU.")] = "auto",
    verbose: Verbose = False,
) -> None:
    """Train a network and write a checkpoint. Run again, it goes on where it was."""
    environment = start(verbose)
    limit_instructions(environment.amx)
    _check_installed()
    from emstream_training.fit.device import choose_device, wants_bf16
    from emstream_training.fit.run import Order, train_checkpoint

    place = choose_device(device)
    settings = replace(
        network.over(_defaults(network.start_from)),
        **asdict(schedule),
        use_bf16=wants_bf16(environment.precision, place),
        device=place,
    )
    order = Order(data, output, name or settings.checkpoint_name, settings, restart)
    with TrainingProgress() as show:
        path = train_checkpoint(order, show, warn)
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


def prepare(
    data: Annotated[Path, typer.Argument(help="JSON file that lists the labelled stacks (see docs/how-to/train.md).")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="HDF5 file to write, with a training file next to it.")
    ],
    verbose: Verbose = False,
) -> None:
    """Write the 16 variants (turned, mirrored, sections reversed) of labelled stacks, as the paper trains on them."""
    from emstream_training.data.prepare import prepare as write_variants

    start(verbose)
    description = write_variants(data, output, warn)
    say(f"variants: {output}")
    say(f"training file: {description}")
