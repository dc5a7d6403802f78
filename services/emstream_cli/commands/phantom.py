"""`emstream phantom`: an EM-like volume with known truth."""

from __future__ import annotations

from pathlib import Path

import typer

from emstream.errors import UsageError
from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE, parse_voxel_size


def phantom(
    output: Path = typer.Argument(
        ..., help="A folder for PNG sections, a file ending in .h5, or with --result a service's data folder."
    ),
    shape: str = typer.Option("8,1500,1300", metavar="Z,Y,X", help="Sections, rows, columns."),
    voxel_size: str = typer.Option("50,5.5,5.5", "--voxel-size", metavar="Z,Y,X", help="In nanometres."),
    seed: int = typer.Option(0, help="Another seed is another tissue."),
    instances: bool = typer.Option(
        True, "--instances/--no-instances", help="Write instance labels as 16-bit PNG, too."
    ),
    result: bool = typer.Option(
        False, "--result", help="Write a finished job, not predicted: `emstream serve --data OUTPUT` shows it."
    ),
    owner: str = typer.Option("local", help="With --result: whose job it is."),
    verbose: bool = VERBOSE,
) -> None:
    """Make a volume of mitochondria among decoys, with its truth. Any size: sections are made one by one."""
    from emstream.phantom.sections import Phantom, write_hdf5, write_sections

    settings = start(verbose)
    try:
        depth, height, width = (int(part) for part in shape.split(","))
    except ValueError:
        raise UsageError(f"--shape must be three whole numbers Z,Y,X such as 8,1500,1300, got {shape!r}") from None
    size = parse_voxel_size(voxel_size)
    assert size is not None
    volume = Phantom((depth, height, width), size, seed)
    if result:
        from emstream.phantom.finished_job import write_result

        say(
            f"job: {write_result(volume, output / 'jobs', owner=owner, slab_sections=settings.slab_sections).path.name}"
        )
    elif output.suffix == ".h5":
        write_hdf5(volume, output)
    else:
        write_sections(volume, output, instances=instances)
    if not result:
        say(f"phantom: {output}")
