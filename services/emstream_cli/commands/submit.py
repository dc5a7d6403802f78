"""`emstream submit`: stacks are sent to a running service, and masks are fetched if wished."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from emstream.client.client import Client, check_free
from emstream.client.replies import Job
from emstream.errors import Interrupted, JobFailed, UsageError
from emstream.readers.formats import STACK_KINDS
from emstream.stages import Stage
from emstream_cli.console import SHORT_ID, in_a_line, say, warn
from emstream_cli.options import FindOptions, ServiceOptions, TuneOptions, whole_id
from emstream_cli.progress import TransferProgress
from emstream_standalone.progress import StageProgress

POLL_S = 1.0
"""Seconds between two questions for the jobs' states."""
SILENT = {"contrast_stretch": False, "spread": False, "measure": True, "split_touching": False, "unequal_pixels": False}
"""Values of flags that are not sent: a service of an older version does not know them."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How stacks are sent, and what is waited for."""

    formats: Annotated[list[str], typer.Option("--format", help="h5, png, tiff. May be repeated.")] = field(
        default_factory=lambda: ["h5"]
    )
    name: Annotated[str | None, typer.Option(help="Name of the job. Default: the name of the folder or file.")] = None
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the jobs are over.")] = False
    fetch: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Wait, then write the masks here (a folder each if there are several jobs)."),
    ] = None
    resume: Annotated[str | None, typer.Option(metavar="ID", help="Go on with an upload that was interrupted.")] = None
    once: Annotated[
        bool, typer.Option("--once", help="Send nothing that was sent like this before: wait for that job.")
    ] = False


def submit(
    sources: Annotated[
        list[Path], typer.Argument(metavar="INPUT...", help=f"Folders of sections; {STACK_KINDS} files.")
    ],
    find: FindOptions,
    tune: TuneOptions,
    send: SendOptions,
    service: ServiceOptions,
) -> None:
    """Send stacks to a running service: one job per folder of sections and per stack file."""
    settings, is_quiet = job_settings(find, tune, send.formats), service.as_json
    if send.fetch is not None and len(sources) == 1:
        check_free([send.fetch / "report.json"])
    with service.client() as client:
        jobs = (
            _resume(client, sources, send.resume, is_quiet)
            if send.resume
            else _send(client, sources, settings, send, is_quiet)
        )
        if not is_quiet:
            for job in jobs:
                say(in_a_line(job))
        if send.wait or send.fetch is not None:
            jobs = wait_for(client, jobs, is_quiet)
        if send.fetch is not None:
            _fetch_all(client, jobs, send, is_quiet)
    if is_quiet:
        say(json.dumps({"jobs": [job.model_dump(mode="json") for job in jobs]}))
    report_failures(jobs)


def job_settings(find: FindOptions, tune: TuneOptions, formats: list[str]) -> dict[str, object]:
    """Return the settings of a job; the service knows what is not given.

    Raises UsageError for a voxel size or a region that is none.
    """
    fields = find.fields() | tune.fields()
    objects = list(find.objects or ())
    given = {name: value for name, value in fields.items() if value is not None and value != SILENT.get(name)}
    given.pop("objects")
    return ({"objects": objects} if objects else {}) | given | {"formats": list(dict.fromkeys(formats))}


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
    client: Client, sources: list[Path], settings: dict[str, object], send: SendOptions, is_quiet: bool
) -> list[Job]:
    created: list[Job] = []
    try:
        with TransferProgress("upload", is_quiet) as progress:
            return client.submit(sources, settings, progress, send.name, created.append, once=send.once)
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


def _fetch_all(client: Client, jobs: list[Job], send: SendOptions, is_quiet: bool) -> None:
    assert send.fetch is not None
    for job in jobs:
        if not job.has_result:
            continue
        folder = send.fetch / folder_name(job) if len(jobs) > 1 else send.fetch
        with TransferProgress("fetch", is_quiet) as progress:
            client.fetch(job.id, folder, list(dict.fromkeys(send.formats)), progress, overwrite=True)
        if not is_quiet:
            say(f"masks: {folder}")


def folder_name(job: Job) -> str:
    """Return the name of a job's folder: its own name, made safe, and the beginning of its id."""
    return f"{_UNSAFE.sub('_', job.name).strip('._') or 'job'}-{job.id[:SHORT_ID]}"


def _counts(jobs: list[Job]) -> dict[Stage, tuple[int, int]]:
    counts = [job.counts for job in jobs]
    return {stage: (sum(c[stage][0] for c in counts), sum(c[stage][1] for c in counts)) for stage in Stage}


def report_failures(jobs: list[Job]) -> None:
    """Raise JobFailed if a job that is over did not end well."""
    for warning in dict.fromkeys(warning for job in jobs for warning in job.warnings):
        warn(f"note: {warning}")
    bad = [job for job in jobs if job.is_over and job.state != "completed"]
    if bad:
        sentences = "; ".join(f"{j.name} ({j.id[:SHORT_ID]}) {j.state}: {_why(j)}" for j in bad)
        raise JobFailed(f"{len(bad)} of {len(jobs)} jobs did not end well. {sentences}")


def _why(job: Job) -> str:
    return job.errors[0].sentence if job.errors else "see `emstream status`"
