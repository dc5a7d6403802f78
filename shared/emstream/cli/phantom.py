"""`emstream phantom`: an EM-like volume with known truth."""

from __future__ import annotations

from pathlib import Path

import typer

from emstream.cli.app import app, say, start
from emstream.cli.options import VERBOSE, parse_voxel_size
from emstream.errors import UsageError


@app.command()
def phantom(
    output: Path = typer.Argument(..., help="A folder for PNG sections, or a file ending in .h5."),
    shape: str = typer.Option("8,1500,1300", metavar="Z,Y,X", help="Sections, rows, columns."),
    voxel_size: str = typer.Option("50,5.5,5.5", "--voxel-size", metavar="Z,Y,X", help="In nanometres."),
    seed: int = typer.Option(0, help="Another seed is another tissue."),
    instances: bool = typer.Option(
        True, "--instances/--no-instances", help="Write instance labels as 16-bit PNG, too."
    ),
    verbose: bool = VERBOSE,
) -> None:
    """Make a volume of mitochondria among decoys, with its truth. Any size: sections are made one by one."""
    from emstream.phantom import Phantom, write_hdf5, write_sections

    start(verbose)
    try:
        depth, height, width = (int(part) for part in shape.split(","))
    except ValueError:
        raise UsageError(f"--shape must be three whole numbers Z,Y,X such as 8,1500,1300, got {shape!r}") from None
    size = parse_voxel_size(voxel_size)
    assert size is not None
    volume = Phantom((depth, height, width), size, seed)
    if output.suffix == ".h5":
        write_hdf5(volume, output)
    else:
        write_sections(volume, output, instances=instances)
    say(f"phantom: {output}")
