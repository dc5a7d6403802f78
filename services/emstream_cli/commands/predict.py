"""`emstream predict`, and `emstream merge` for its shards."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emstream.errors import UsageError
from emstream.jobs.shards import Shard, parse_shard
from emstream.readers.formats import ALL_KINDS
from emstream.settings import Settings
from emstream_cli.console import result_lines, say, start
from emstream_cli.options import Checkpoints, FindOptions, ResultOptions, TuneOptions, Verbose, checkpoint_paths
from emstream_standalone.progress import shown
from emstream_standalone.request import make_request

if TYPE_CHECKING:
    from emstream_standalone.predict import PredictOptions


def predict(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help=f"Folder of sections, or a {ALL_KINDS} file.")],
    result: ResultOptions,
    find: FindOptions,
    tune: TuneOptions,
    checkpoints: Checkpoints = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Write timeline.png: which stage worked on what, when.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Make only part I of N; `emstream merge` joins the parts."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Find structures in a stack of sections. Killed and run again, it goes on where it was."""
    from emstream_postprocess.report import Wanted
    from emstream_standalone.predict import PredictOptions, run

    settings = start(verbose)
    fields = find.fields() | tune.fields() | {"checkpoints": checkpoint_paths(checkpoints)}
    options = PredictOptions(
        make_request(source, settings, **fields),
        result.output,
        Wanted(result.unique_formats, result.overlay),
        keep=result.keep,
        restart=result.restart,
        has_timeline=timeline,
    )
    if shard is not None:
        _make_shard(options, parse_shard(shard), settings, is_quiet=result.as_json)
        return
    report = run(options, settings, shown(result.as_json))
    say(json.dumps(report) if result.as_json else "\n".join(result_lines(report, result.output)))


def _make_shard(options: PredictOptions, shard: Shard, settings: Settings, *, is_quiet: bool) -> None:
    from emstream_postprocess.report import Wanted
    from emstream_standalone.predict import run_shard

    if (options.wanted, options.has_timeline) != (Wanted(), False):
        raise UsageError("--format, --no-overlay and --timeline do not go with --shard: give them to emstream merge")
    made = run_shard(options, shard, settings, shown(is_quiet))
    if is_quiet:
        facts = {"shard": str(shard), "packages": made.packages, "folder": str(made.folder)}
        say(json.dumps(facts | {"timings": made.timings}))
    else:
        say(f"shard {shard} is done, {made.packages} packages, in {made.folder}")
        say(f"once all are done, join them: emstream merge {shlex.quote(str(options.output))} -o RESULT")


def merge(
    shards: Annotated[
        list[Path], typer.Argument(help="Folders that `emstream predict --shard I/N -o FOLDER` wrote to.")
    ],
    result: ResultOptions,
    verbose: Verbose = False,
) -> None:
    """Join the shards of a job into its result. Killed and run again, it goes on where it was."""
    from emstream_postprocess.report import Wanted
    from emstream_standalone.kept import join_shards

    start(verbose)
    wanted = Wanted(result.unique_formats, result.overlay)
    report = join_shards(shards, wanted, result.output, restart=result.restart, keep=result.keep)
    say(json.dumps(report) if result.as_json else "\n".join(result_lines(report, result.output)))
