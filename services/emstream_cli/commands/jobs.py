"""`emstream status`, `cancel`, `retry`, `fetch` and `export`: jobs of a running service, or kept on this machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from emstream.errors import UsageError
from emstream.jobs.export_formats import CONTENTS, EXPORT_FORMATS
from emstream.jobs.export_order import Wish
from emstream.readers.formats import enumerated
from emstream_cli.console import in_a_line, in_words, say, start
from emstream_cli.options import LISTED, JobId, Overwrite, ServiceOptions, whole_id
from emstream_cli.parse import parse_sections
from emstream_cli.progress import TransferProgress
from emstream_standalone.kept import export_kept, is_kept_job


def status(
    service: ServiceOptions,
    job: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="One job, by the first characters of its id; none = all."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=LISTED, help="Jobs listed at most, newest first.")] = 20,
) -> None:
    """Show jobs, or all about one."""
    with service.client() as client:
        if job is not None:
            one = client.job(whole_id(client, job))
            say(one.model_dump_json() if service.as_json else "\n".join(in_words(one)))
            return
        jobs = client.jobs(limit=limit)
    if service.as_json:
        say(json.dumps({"jobs": [found.model_dump(mode="json") for found in jobs]}))
    elif jobs:
        say("\n".join(in_a_line(found) for found in jobs))
    else:
        say(f"no jobs yet at {client.url}: send one with `emstream submit`")


def cancel(
    job: JobId,
    service: ServiceOptions,
    delete: Annotated[bool, typer.Option("--delete", help="Delete its files, too.")] = False,
) -> None:
    """Stop a job. What is done stays, so that `retry` can go on, unless the job is deleted."""
    with service.client() as client:
        found = whole_id(client, job)
        if delete:
            client.delete(found)
            say(json.dumps({"deleted": found}) if service.as_json else f"job {found} is deleted")
            return
        stopped = client.cancel(found)
    say(stopped.model_dump_json() if service.as_json else in_a_line(stopped))


def retry(job: JobId, service: ServiceOptions) -> None:
    """Do again what failed of a job, or go on with a cancelled one."""
    with service.client() as client:
        again = client.retry(whole_id(client, job))
    say(again.model_dump_json() if service.as_json else in_a_line(again))


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What is fetched, and where it is written. overwrite: replace files that are there."""

    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for mask.h5, labels.h5, measurements, report.json.")
    ]
    formats: Annotated[list[str], typer.Option("--format", help="h5, png (zipped), tiff. May be repeated.")] = field(
        default_factory=lambda: ["h5"]
    )
    overwrite: Overwrite = False


def fetch(job: JobId, what: FetchOptions, service: ServiceOptions) -> None:
    """Write a job's masks, labels, measurements, overlay and report into a folder; what is not made yet is made now."""
    with service.client() as client, TransferProgress("fetch", service.as_json) as progress:
        paths = client.fetch(
            whole_id(client, job), what.output, list(dict.fromkeys(what.formats)), progress, what.overwrite
        )
    say(json.dumps({"files": [str(path) for path in paths]}) if service.as_json else "\n".join(map(str, paths)))


@dataclass(frozen=True, slots=True)
class WishOptions:
    """What to save, and in which format."""

    content: Annotated[str, typer.Option(help=f"{enumerated(CONTENTS)}.")] = "mask"
    form: Annotated[str, typer.Option("--format", help=f"{enumerated(EXPORT_FORMATS)}.")] = "h5"
    objects: Annotated[
        list[str] | None, typer.Option("--object", help="Structure to save. May be repeated. Default: all.")
    ] = None
    combined: Annotated[bool, typer.Option("--combined", help="All structures in one volume.")] = False
    sections: Annotated[
        str | None,
        typer.Option("--z", metavar="Z:Z", help="Only some sections, such as 0:10 for the first ten (10 is excluded)."),
    ] = None

    def wish(self) -> Wish:
        """Return the wish. Raises UsageError for sections that are no range."""
        return Wish(self.content, self.form, self.objects or None, self.combined, parse_sections(self.sections))


def export(
    job: Annotated[
        str,
        typer.Argument(
            metavar="ID|OUT", help="The job, by the first characters of its id, or the folder of `predict --keep`."
        ),
    ],
    what: WishOptions,
    service: ServiceOptions,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File, or folder to write it into. Default: here.")
    ] = Path(),
    overwrite: Overwrite = False,
) -> None:
    """Save mask, labels, probability, overlay or original, in a format that other programs read."""
    wish = what.wish()
    if Path(job, "report.json").is_file() and not is_kept_job(Path(job)):
        raise UsageError(f"{job} holds a result without its working files: predict again with --keep, then export")
    if is_kept_job(Path(job)):
        start(service.verbose)
        path = export_kept(Path(job), output, wish, overwrite)
    else:
        with service.client() as client, TransferProgress("fetch", service.as_json) as progress:
            path = client.export(
                whole_id(client, job), output, **asdict(wish), on_progress=progress, overwrite=overwrite
            )
    say(json.dumps({"file": str(path)}) if service.as_json else str(path))
