"""`emstream predict`: a stack in, masks out, in one process."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emstream.errors import UsageError
from emstream.jobs.shards import Shard, parse_shard
from emstream.readers.formats import ALL_KINDS
from emstream.settings import Settings
from emstream_cli.console import say, start
from emstream_cli.options import (
    CHECKPOINT,
    CONTRAST_STRETCH,
    DATASET,
    MEASURE,
    MIN_VOXELS,
    OBJECT,
    QUALITY,
    REGION,
    SPLIT_TOUCHING,
    VERBOSE,
    VOXEL_SIZE,
    HaloName,
    QualityName,
    parse_region,
    parse_voxel_size,
)
from emstream_cli.summary import result_lines
from emstream_standalone.request import make_request
from emstream_standalone.stage_progress import shown

if TYPE_CHECKING:
    from emstream_standalone.predict import PredictOptions


def predict(
    source: Path = typer.Argument(..., metavar="INPUT", help=f"Folder of sections, or a {ALL_KINDS} file."),
    output: Path = typer.Option(..., "--output", "-o", help="Folder for mask.h5, overlay.png, report.json."),
    objects: list[str] = OBJECT,
    quality: QualityName = QUALITY,
    checkpoints: list[Path] = CHECKPOINT,
    voxel_size: str = VOXEL_SIZE,
    dataset: str = DATASET,
    region: str = REGION,
    formats: list[str] = typer.Option(
        ["h5"], "--format", help="h5, png, tiff; may be repeated (h5 is always written)."
    ),
    halo: HaloName = typer.Option(
        None, help="exact: tiled equals untiled; fast: smaller margin. Default: the recipe's."
    ),
    variants: int = typer.Option(None, help="Test-time variants: 1, 4 or 16. Default: the quality's."),
    threshold: float = typer.Option(None, min=0.004, max=0.996, help="On the probability. Default: the recipe's."),
    contrast_stretch: bool = CONTRAST_STRETCH,
    spread: bool = typer.Option(False, "--spread", help="Write how much variants and checkpoints differ."),
    measure: bool = MEASURE,
    min_voxels: int = MIN_VOXELS,
    split_touching: bool = SPLIT_TOUCHING,
    overlay: bool = typer.Option(True, "--overlay/--no-overlay", help="Write overlay.png."),
    timeline: bool = typer.Option(False, "--timeline", help="Write timeline.png: which stage worked on what, when."),
    shard: str = typer.Option(None, metavar="I/N", help="Make only part I of N; `emstream merge` joins the parts."),
    keep: bool = typer.Option(False, "--keep", help="Keep the working files (pyramids, timeline)."),
    restart: bool = typer.Option(False, "--restart", help="Drop an unfinished job in the output folder."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON, nothing else."),
    verbose: bool = VERBOSE,
) -> None:
    """Find objects in a stack of sections. Killed and run again, it goes on where it was."""
    from emstream_postprocess.report import Wanted
    from emstream_standalone.predict import PredictOptions, run

    settings = start(verbose)
    request = make_request(
        source,
        settings,
        objects=tuple(objects or ()),
        quality=quality.value,
        checkpoints=tuple(str(path.absolute()) for path in checkpoints or ()),
        voxel_size_nm=parse_voxel_size(voxel_size),
        dataset=dataset,
        region=parse_region(region),
        halo=None if halo is None else halo.value,
        variants=variants,
        threshold=threshold,
        contrast_stretch=contrast_stretch,
        spread=spread,
        measure=measure,
        min_voxels=min_voxels,
        split_touching=split_touching,
    )
    wanted = Wanted(tuple(dict.fromkeys(formats)), overlay)
    options = PredictOptions(request, output, wanted, keep=keep, restart=restart, has_timeline=timeline)
    if shard is not None:
        _make_shard(options, parse_shard(shard), settings, is_quiet=as_json)
        return
    report = run(options, settings, shown(as_json))
    say(json.dumps(report) if as_json else "\n".join(result_lines(report, output)))


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
