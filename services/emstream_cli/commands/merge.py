"""`emstream merge`: the shards of a job in, the finished result out, the same bytes as one run gives."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emstream.host.allocator import return_freed_memory
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.shards import find_shards
from emstream.jobs.timeline import Timeline
from emstream_cli.app import app, say, start
from emstream_cli.commands.predict import interruption_told, tell
from emstream_cli.options import VERBOSE

if TYPE_CHECKING:
    from emstream_postprocess.report import Wanted


@app.command()
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

    start(verbose)
    wanted = Wanted(tuple(dict.fromkeys(formats)), overlay)
    report = join_shards(shards, wanted, output, restart=restart, keep=keep)
    if as_json:
        say(json.dumps(report))
    else:
        tell(report, output)


@interruption_told()
def join_shards(shards: list[Path], wanted: Wanted, output: Path, *, restart: bool, keep: bool) -> dict[str, object]:
    """Return the report of the joined job; the shards' folders stay as they are. Needs no engine."""
    from emstream_postprocess.merge_shards import common_record, gather, stitch_shared
    from emstream_postprocess.report import drop_job, finish
    from emstream_standalone.in_process import lock_folder

    return_freed_memory()
    began = time.time()
    found = {shard: JobFolder(path / WORK) for shard, path in find_shards(shards).items()}
    record = common_record(found)
    folder = JobFolder(output / WORK)
    with lock_folder(output):
        if restart:
            drop_job(folder)
        gather(found, record, folder)
        stitch_shared(folder, record)
        report = finish(folder, record, wanted, output, _timings(folder, began))
        if not keep:
            drop_job(folder)
    return report


def _timings(folder: JobFolder, began: float) -> dict[str, object]:
    """Return seconds per stage over all shards, and those of merging until the files are written."""
    stages: dict[str, float] = {}
    for unit in Timeline(folder.timeline_path).read():
        stage = str(unit["stage"])
        stages[stage] = round(stages.get(stage, 0.0) + float(str(unit["stop"])) - float(str(unit["start"])), 3)
    return {"joined_s": round(time.time() - began, 3), "stages_s": stages}
