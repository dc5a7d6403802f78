"""`emstream submit`: stacks to a running service, and, if wished, masks back."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import typer

from emstream.client.client import Client
from emstream.client.replies import Job
from emstream.errors import Interrupted, JobFailed, UsageError
from emstream.readers.formats import STACK_KINDS
from emstream.stages import Stage
from emstream_cli.console import say, start, warn
from emstream_cli.options import (
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
from emstream_cli.progress.transfer import TransferProgress
from emstream_cli.service_options import AS_JSON, KEY, SHORT_ID, URL, in_a_line, whole_id
from emstream_standalone.stage_progress import StageProgress

POLL_S = 1.0
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def submit(
    sources: list[Path] = typer.Argument(..., metavar="INPUT...", help=f"Folders of sections; {STACK_KINDS} files."),
    objects: list[str] = OBJECT,
    quality: QualityName = QUALITY,
    voxel_size: str = VOXEL_SIZE,
    dataset: str = DATASET,
    region: str = REGION,
    halo: HaloName = typer.Option(None, help="exact or fast. Default: the recipe's."),
    variants: int = typer.Option(None, help="Test-time variants: 1, 4 or 16. Default: the quality's."),
    threshold: float = typer.Option(None, min=0.004, max=0.996, help="On the probability. Default: the recipe's."),
    contrast_stretch: bool = CONTRAST_STRETCH,
    spread: bool = typer.Option(False, "--spread", help="Write how much variants and checkpoints differ."),
    measure: bool = MEASURE,
    min_voxels: int = MIN_VOXELS,
    split_touching: bool = SPLIT_TOUCHING,
    formats: list[str] = typer.Option(["h5"], "--format", help="h5, png, tiff; may be repeated."),
    name: str = typer.Option(None, help="Name of the job. Default: that of the folder or file."),
    wait: bool = typer.Option(False, "--wait", help="Wait until the jobs are over."),
    fetch: Path = typer.Option(None, metavar="OUT", help="Wait, then write the masks here (a folder each if several)."),
    resume: str = typer.Option(None, metavar="ID", help="Go on with an upload that was interrupted."),
    once: bool = typer.Option(False, "--once", help="Send nothing that was sent so before: wait for that job."),
    as_json: bool = AS_JSON,
    url: str = URL,
    key: str = KEY,
    verbose: bool = VERBOSE,
) -> None:
    """Send stacks to a running service: one job per folder of sections and per stack file."""
    start(verbose)
    given = job_settings(
        objects=objects or None,
        quality=quality.value,
        voxel_size_nm=parse_voxel_size(voxel_size),
        dataset=dataset,
        region=parse_region(region),
        halo=halo and halo.value,
        variants=variants,
        threshold=threshold,
        contrast_stretch=contrast_stretch or None,
        spread=spread or None,
        measure=None if measure else False,
        min_voxels=min_voxels,
        split_touching=split_touching or None,
        formats=list(dict.fromkeys(formats)),
    )
    with Client(url, key) as client:
        jobs = (
            _resume(client, sources, resume, as_json) if resume else _send(client, sources, given, name, once, as_json)
        )
        if not as_json:
            for job in jobs:
                say(in_a_line(job))
        if wait or fetch is not None:
            jobs = wait_for(client, jobs, as_json)
        if fetch is not None:
            _fetch_all(client, jobs, fetch, formats, as_json)
    if as_json:
        say(json.dumps({"jobs": [job.model_dump(mode="json") for job in jobs]}))
    _tell_failures(jobs)


def job_settings(**fields: object) -> dict[str, object]:
    """Return those that were given; the service knows the rest."""
    return {name: value for name, value in fields.items() if value is not None}


def wait_for(client: Client, jobs: list[Job], is_quiet: bool) -> list[Job]:
    """Return the jobs once all are over, showing their progress together. Raises Interrupted on Ctrl-C."""
    latest = {job.id: job for job in jobs}
    try:
        with StageProgress(is_quiet) as progress:
            while True:
                latest = {job.id: job if job.is_over else client.job(job.id) for job in latest.values()}
                progress(_counts(list(latest.values())))
                if all(job.is_over for job in latest.values()):
                    return list(latest.values())
                time.sleep(POLL_S)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the jobs go on in the service: `emstream status` shows them") from None


def _send(
    client: Client, sources: list[Path], settings: dict[str, object], name: str | None, once: bool, is_quiet: bool
) -> list[Job]:
    created: list[Job] = []
    try:
        with TransferProgress("upload", is_quiet) as progress:
            return client.submit(sources, settings, progress, name, created.append, once=once)
    except KeyboardInterrupt:
        last = f"; go on with: emstream submit {sources[0]} --resume {created[-1].id}" if created else ""
        raise Interrupted(f"interrupted{last}") from None


def _resume(client: Client, sources: list[Path], job: str, is_quiet: bool) -> list[Job]:
    if len(sources) != 1:
        raise UsageError(
            f"--resume goes on with one job: give the one folder or file it began with, got {len(sources)}"
        )
    with TransferProgress("upload", is_quiet) as progress:
        return [client.resume(whole_id(client, job), sources[0], progress)]


def _fetch_all(client: Client, jobs: list[Job], output: Path, formats: list[str], is_quiet: bool) -> None:
    for job in jobs:
        if not job.has_result:
            continue
        folder = output / _folder_name(job) if len(jobs) > 1 else output
        with TransferProgress("fetch", is_quiet) as progress:
            client.fetch(job.id, folder, list(dict.fromkeys(formats)), progress)
        if not is_quiet:
            say(f"masks: {folder}")


def _folder_name(job: Job) -> str:
    return f"{_UNSAFE.sub('_', job.name).strip('._') or 'job'}-{job.id[:SHORT_ID]}"


def _counts(jobs: list[Job]) -> dict[Stage, tuple[int, int]]:
    counts = [job.counts for job in jobs]
    return {stage: (sum(c[stage][0] for c in counts), sum(c[stage][1] for c in counts)) for stage in Stage}


def _tell_failures(jobs: list[Job]) -> None:
    """Raise JobFailed if a job that is over did not end well."""
    for warning in dict.fromkeys(warning for job in jobs for warning in job.warnings):
        warn(f"note: {warning}")
    bad = [job for job in jobs if job.is_over and job.state != "completed"]
    if bad:
        sentences = "; ".join(f"{j.name} ({j.id[:SHORT_ID]}) {j.state}: {_why(j)}" for j in bad)
        raise JobFailed(f"{len(bad)} of {len(jobs)} jobs did not end well. {sentences}")


def _why(job: Job) -> str:
    return job.errors[0].sentence if job.errors else "see `emstream status`"
