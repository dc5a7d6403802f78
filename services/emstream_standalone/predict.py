"""A job from its request to its files in one process: all of it, or one shard.

Each function locks its output folder, prepares the job or finds it there, runs the stages, and writes the files.
Killed and called again with the same options, it goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import Interrupted
from emstream.host import return_freed_memory
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.record import PlannedJob, Request
from emstream.jobs.shards import Shard, share_of
from emstream.jobs.timeline import Timings, stage_seconds
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_inference.engines import Engine, make_engine
from emstream_postprocess.report import Report, Wanted, draw_timeline, drop_job, finish
from emstream_standalone.in_process import Outcome, Run, check_no_result, lock_folder, prepare_job
from emstream_standalone.progress import SILENT, Listener
from emstream_standalone.request import chosen


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """One run: what to find, and what to leave in the output folder.

    keep: leave the working files. restart: drop an unfinished job first. has_timeline: write timeline.png.
    """

    request: Request
    output: Path
    wanted: Wanted
    keep: bool = False
    restart: bool = False
    has_timeline: bool = False


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What a run of one shard leaves. folder: its own, inside the output folder."""

    shard: Shard
    packages: int
    folder: Path
    timings: Timings


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C into Interrupted, which says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted; run the same command again to go on where it was") from None


@interruptible()
def run(options: PredictOptions, settings: Settings, listener: Listener = SILENT) -> Report:
    """Run a job to its end and return its report; the working files go unless kept. Raises Interrupted on Ctrl-C."""
    folder = JobFolder(options.output / WORK)
    with lock_folder(options.output):
        if not options.restart:
            check_no_result(options.output, folder)
        record, engine, began = _prepare(folder, options, settings, listener)
        outcome = _execute(Run(folder, record, engine, settings), listener)
        report = finish(folder, record, options.wanted, options.output, timings(outcome, began))
        if options.has_timeline:
            write_timeline(outcome, options.output / "timeline.png")
        if not options.keep:
            drop_job(folder)
    return report


@interruptible()
def run_shard(options: PredictOptions, shard: Shard, settings: Settings, listener: Listener = SILENT) -> ShardResult:
    """Make one shard of a job in its own folder inside the output folder. Raises Interrupted on Ctrl-C."""
    own = options.output / shard.folder_name
    folder = JobFolder(own / WORK)
    with lock_folder(own):
        record, engine, began = _prepare(folder, options, settings, listener)
        share = share_of(record.plan.job_shape, shard)
        outcome = _execute(Run(folder, record, engine, settings, share), listener)
    return ShardResult(shard, len(share.packages), own, timings(outcome, began))


def write_timeline(outcome: Outcome, final: Path) -> None:
    """Draw the units of all stages, and the engine's batches of this run."""
    units = [(str(unit.stage), unit.start, unit.stop) for unit in outcome.timeline.read()]
    lanes = [stage.value for stage in Stage]
    units.sort(key=lambda unit: (lanes.index(unit[0]), unit[1]))
    units += [("engine", start, stop) for start, stop in outcome.timeline.engine]
    if units:
        draw_timeline(units, final)


def timings(outcome: Outcome, began: float) -> Timings:
    """Return seconds per stage (over all runs of the job), and of this run the engine's busy and idle share."""
    engine = outcome.timeline.engine
    busy = sum(stop - start for start, stop in engine)
    span = engine[-1][1] - engine[0][0] if engine else 0.0
    return {
        "total_s": round(time.time() - began, 3),
        "stages_s": stage_seconds(outcome.timeline.read()),
        "engine_busy_s": round(busy, 3),
        "window_pixels": outcome.window_pixels,
        "engine_idle_share": round(1 - busy / span, 4) if span else 0.0,
    }


def _prepare(
    folder: JobFolder, options: PredictOptions, settings: Settings, listener: Listener
) -> tuple[PlannedJob, Engine, float]:
    """Return the planned job, the engine, and the time at which planning began."""
    return_freed_memory()
    if options.restart:
        drop_job(folder)
    choices = chosen(options.request, settings)
    engine = make_engine(settings)
    began = time.time()
    record = prepare_job(folder, options.request, choices, engine, settings)
    listener.on_plan(record.plan)
    return record, engine, began


def _execute(job: Run, listener: Listener) -> Outcome:
    with listener.progress() as show_counts:
        return job.execute(show_counts)
