"""`emstream merge`: the shards of a job in, the finished result out, the same bytes as one run gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from emstream_cli.console import say, start
from emstream_cli.options import ResultOptions, Verbose
from emstream_cli.summary import result_lines


def merge(
    shards: Annotated[
        list[Path], typer.Argument(help="Folders that `emstream predict --shard I/N -o FOLDER` wrote to.")
    ],
    result: ResultOptions,
    verbose: Verbose = False,
) -> None:
    """Join the shards of a job into its result. Killed and run again, it goes on where it was."""
    from emstream_postprocess.report import Wanted
    from emstream_standalone.merge import join_shards

    start(verbose)
    wanted = Wanted(result.unique_formats, result.overlay)
    report = join_shards(shards, wanted, result.output, restart=result.restart, keep=result.keep)
    say(json.dumps(report) if result.as_json else "\n".join(result_lines(report, result.output)))
