"""`emstream merge`: the shards of a job in, the finished result out, the same bytes as one run gives."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE
from emstream_cli.summary import result_lines


def merge(
    shards: list[Path] = typer.Argument(..., help="Folders that `emstream predict --shard I/N -o FOLDER` wrote to."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for mask.h5, overlay.png, report.json."),
    formats: list[str] = typer.Option(
        ["h5"], "--format", help="h5, png, tiff; may be repeated (h5 is always written)."
    ),
    overlay: bool = typer.Option(True, "--overlay/--no-overlay", help="Write overlay.png."),
    keep: bool = typer.Option(False, "--keep", help="Keep the working files (links to the shards' files)."),
    restart: bool = typer.Option(False, "--restart", help="Drop an unfinished job in the output folder."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON, nothing else."),
    verbose: bool = VERBOSE,
) -> None:
    """Join the shards of a job into its result. Killed and run again, it goes on where it was."""
    from emstream_postprocess.report import Wanted
    from emstream_standalone.merge import join_shards

    start(verbose)
    wanted = Wanted(tuple(dict.fromkeys(formats)), overlay)
    report = join_shards(shards, wanted, output, restart=restart, keep=keep)
    say(json.dumps(report) if as_json else "\n".join(result_lines(report, output)))
