"""`emstream phantom`: an EM-like volume with known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emstream.errors import UsageError
from emstream_cli.console import say, start
from emstream_cli.options import Verbose
from emstream_cli.parse import parse_shape, parse_voxel_size


def phantom(
    output: Annotated[
        Path,
        typer.Argument(
            help="A folder for PNG sections, a file ending in .h5, or with --result a service's data folder."
        ),
    ],
    shape: Annotated[str, typer.Option(metavar="Z,Y,X", help="Sections, rows, columns.")] = "8,1500,1300",
    voxel_size: Annotated[
        str, typer.Option("--voxel-size", metavar="Z,Y,X", help="Voxel size in nanometres.")
    ] = "50,5.5,5.5",
    seed: Annotated[int, typer.Option(help="Another seed is another tissue.")] = 0,
    instances: Annotated[
        bool, typer.Option("--instances/--no-instances", help="Write instance labels as 16-bit PNG, too.")
    ] = True,
    result: Annotated[
        bool,
        typer.Option("--result", help="Write a finished job, not predicted: `emstream serve --data OUTPUT` shows it."),
    ] = False,
    owner: Annotated[str, typer.Option(help="With --result: whose job it is.")] = "local",
    verbose: Verbose = False,
) -> None:
    """Make a volume of mitochondria among decoys, with its truth. Any size: sections are made one by one."""
    from emstream.phantom.sections import Phantom, write_hdf5, write_sections

    settings = start(verbose)
    volume = Phantom(parse_shape(shape), parse_voxel_size(voxel_size), seed)
    if result:
        from emstream.phantom.finished_job import write_result

        say(
            f"job: {write_result(volume, output / 'jobs', owner=owner, slab_sections=settings.slab_sections).path.name}"
        )
    elif output.suffix == ".h5":
        write_hdf5(volume, output)
    elif (output / "images").exists():
        raise UsageError(f"{output} holds images/ already, and sections of two would mix: give another folder")
    else:
        write_sections(volume, output, instances=instances)
    if not result:
        say(f"phantom: {output}")
