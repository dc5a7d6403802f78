"""`emstream predict`: a stack in, masks out, in one process."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from emstream.errors import Interrupted, UsageError
from emstream.host.allocator import return_freed_memory
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.record import Request
from emstream.jobs.shards import Shard, parse_shard, share_of
from emstream.models.recipes import MODELS, Choice, choose
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_cli.app import app, say, start, warn
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
from emstream_cli.progress.stages import StageProgress

if TYPE_CHECKING:
    from emstream_postprocess.report import Wanted
    from emstream_standalone.in_process import Outcome, Run


@app.command()
def predict(
    source: Path = typer.Argument(..., metavar="INPUT", help="Folder of sections, or a TIFF, HDF5, MRC, PNG file."),
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

    settings = start(verbose)
    request = make_request(
        settings,
        source=source,
        objects=objects,
        quality=quality,
        checkpoints=checkpoints,
        voxel_size=voxel_size,
        dataset=dataset,
        region=region,
        halo=halo,
        variants=variants,
        threshold=threshold,
        contrast_stretch=contrast_stretch,
        spread=spread,
        measure=measure,
        min_voxels=min_voxels,
        split_touching=split_touching,
    )
    wanted = Wanted(tuple(dict.fromkeys(formats)), overlay)
    if shard is not None:
        if (wanted, timeline) != (Wanted(), False):
            raise UsageError(
                "--format, --no-overlay and --timeline do not go with --shard: give them to emstream merge"
            )
        run_shard(request, parse_shard(shard), output, settings, is_quiet=as_json, restart=restart)
        return
    report = run(request, wanted, output, settings, is_quiet=as_json, restart=restart, keep=keep, timeline=timeline)
    if as_json:
        say(json.dumps(report))
    else:
        tell(report, output)


def make_request(
    settings: Settings,
    *,
    source: Path,
    objects: list[str] | None,
    quality: QualityName,
    checkpoints: list[Path] | None,
    voxel_size: str | None,
    dataset: str | None,
    region: str | None = None,
    halo: HaloName | None = None,
    variants: int | None = None,
    threshold: float | None = None,
    contrast_stretch: bool = False,
    spread: bool = False,
    measure: bool = False,
    min_voxels: int = 64,
    split_touching: bool = False,
) -> Request:
    """Return the request that the options make. Raises UsageError for a value that is not allowed."""
    if variants not in (None, 1, 4, 16):
        raise UsageError(f"--variants must be 1, 4 or 16, got {variants}")
    return Request(
        input=str(source.absolute()),
        dataset=dataset,
        region=parse_region(region),
        objects=tuple(objects or ()),
        quality=quality.value,
        checkpoints=tuple(str(path.absolute()) for path in checkpoints or ()),
        voxel_size_nm=parse_voxel_size(voxel_size),
        halo=None if halo is None else halo.value,
        variants=variants,
        threshold=threshold,
        contrast_stretch=contrast_stretch,
        spread=spread,
        measure=measure,
        min_voxels=min_voxels,
        split_touching=split_touching,
        slab_sections=settings.slab_sections,
        core_side=settings.core_side,
    )


@contextmanager
def interruption_told() -> Iterator[None]:
    """Turn Ctrl-C into Interrupted, which says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; run the same command again to go on where it was") from None


@interruption_told()
def run(
    request: Request,
    wanted: Wanted,
    output: Path,
    settings: Settings,
    *,
    is_quiet: bool,
    restart: bool,
    keep: bool,
    timeline: bool = False,
) -> dict[str, object]:
    """Run a job to its end and return its report; the working files go unless kept. Raises Interrupted on Ctrl-C."""
    from emstream_inference.engines import make_engine
    from emstream_postprocess.report import drop_job, finish
    from emstream_standalone.in_process import Run, lock_folder, prepare_job

    return_freed_memory()
    folder = JobFolder(output / WORK)
    with lock_folder(output):
        if restart:
            drop_job(folder)
        choices = chosen(request, settings)
        engine = make_engine(settings)
        began = time.time()
        record = prepare_job(folder, request, choices, engine, settings)
        assert record.plan is not None
        if not is_quiet:
            _tell_plan(record.plan.source, list(record.plan.warnings))
        outcome = _execute(Run(folder, record, engine, settings), is_quiet)
        report = finish(folder, record, wanted, output, timings(outcome, began))
        if timeline:
            write_timeline(outcome, output / "timeline.png")
        if not keep:
            drop_job(folder)
    return report


@interruption_told()
def run_shard(
    request: Request, shard: Shard, output: Path, settings: Settings, *, is_quiet: bool, restart: bool
) -> None:
    """Make one shard of a job in its own folder inside `output`. Raises Interrupted on Ctrl-C."""
    from emstream_inference.engines import make_engine
    from emstream_postprocess.report import drop_job
    from emstream_standalone.in_process import Run, lock_folder, prepare_job

    return_freed_memory()
    own = output / shard.folder_name
    folder = JobFolder(own / WORK)
    with lock_folder(own):
        if restart:
            drop_job(folder)
        engine = make_engine(settings)
        began = time.time()
        record = prepare_job(folder, request, chosen(request, settings), engine, settings)
        assert record.plan is not None
        if not is_quiet:
            _tell_plan(record.plan.source, list(record.plan.warnings))
        share = share_of(record.plan.job_shape, shard)
        outcome = _execute(Run(folder, record, engine, settings, share), is_quiet)
    facts = {"shard": str(shard), "packages": len(share.packages), "folder": str(own)}
    if is_quiet:
        say(json.dumps(facts | {"timings": timings(outcome, began)}))
    else:
        say(f"shard {shard} is done, {len(share.packages)} packages, in {own}")
        say(f"once all are done, join them: emstream merge {shlex.quote(str(output))} -o RESULT")


def run_kept(request: Request, output: Path, settings: Settings, *, is_quiet: bool) -> dict[str, object]:
    """Run a job and return its report; leaves mask.h5, overlay.png, and the working files."""
    from emstream_postprocess.report import Wanted

    return run(request, Wanted(), output, settings, is_quiet=is_quiet, restart=False, keep=True)


def chosen(request: Request, settings: Settings) -> list[Choice]:
    """Return the recipes and checkpoints that a request means."""
    own = [Path(path) for path in request.checkpoints]
    return choose(request.objects, request.quality, own, settings.models or MODELS)


def write_timeline(outcome: Outcome, final: Path) -> None:
    """Draw the units of all stages, and the engine's batches of this run."""
    from emstream_postprocess.timeline_picture import draw_timeline

    units = [(str(u["stage"]), float(str(u["start"])), float(str(u["stop"]))) for u in outcome.timeline.read()]
    lanes = [stage.value for stage in Stage]
    units.sort(key=lambda unit: (lanes.index(unit[0]), unit[1]))
    units += [("engine", start, stop) for start, stop in outcome.timeline.engine]
    if units:
        draw_timeline(units, final)


def timings(outcome: Outcome, began: float) -> dict[str, object]:
    """Return seconds per stage (over all runs of the job), and of this run the engine's busy and idle share."""
    stages: dict[str, float] = {}
    for unit in outcome.timeline.read():
        stage = str(unit["stage"])
        stages[stage] = stages.get(stage, 0.0) + float(str(unit["stop"])) - float(str(unit["start"]))
    engine = outcome.timeline.engine
    busy = sum(stop - start for start, stop in engine)
    span = engine[-1][1] - engine[0][0] if engine else 0.0
    return {
        "total_s": round(time.time() - began, 3),
        "stages_s": {stage: round(seconds, 3) for stage, seconds in stages.items()},
        "engine_busy_s": round(busy, 3),
        "window_pixels": outcome.window_pixels,
        "engine_idle_share": round(1 - busy / span, 4) if span else 0.0,
    }


def _execute(job: Run, is_quiet: bool) -> Outcome:
    with StageProgress(is_quiet) as progress:
        return job.execute(progress)


def _tell_plan(source: str, warnings: list[str]) -> None:
    warn(source)
    for warning in warnings:
        warn(f"note: {warning}")


def tell(report: dict[str, object], output: Path) -> None:
    """Say what was found and where it is."""
    objects = report["objects"]
    assert isinstance(objects, dict)
    for name, facts in objects.items():
        volume = "" if facts["volume_um3"] is None else f", {facts['volume_um3']:.3g} µm³"
        say(f"{name}: {100 * facts['fraction']:.2f} % of the voxels{volume} (threshold {facts['threshold']:.2f})")
        if facts["measured"] is not None:
            say(f"  {facts['measured']['count']} objects of at least {facts['measured']['min_voxels']} voxels")
    say(f"masks: {output / 'mask.h5'}")
    if (output / "measurements").exists():
        say(f"measurements: {output / 'measurements'}")
