"""`emstream export`: a result in the formats of other programs, from a running service or from a kept job."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer

from emstream.client.client import Client
from emstream.errors import UsageError
from emstream.jobs.export_formats import CONTENTS, EXPORT_FORMATS
from emstream.jobs.export_order import Wish
from emstream.readers.formats import enumerated
from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE
from emstream_cli.progress.transfer import TransferProgress
from emstream_cli.service_options import AS_JSON, KEY, URL, whole_id
from emstream_standalone.export_kept import export_kept, is_kept_job


def export(
    job: str = typer.Argument(
        ..., metavar="ID|OUT", help="The job, by the first characters of its id, or the folder of `predict --keep`."
    ),
    output: Path = typer.Option(Path(), "--output", "-o", help="File, or folder to write it into. Default: here."),
    content: str = typer.Option("mask", help=f"{enumerated(CONTENTS)}."),
    form: str = typer.Option("h5", "--format", help=f"{enumerated(EXPORT_FORMATS)}."),
    objects: list[str] = typer.Option(None, "--object", help="May be repeated. Default: all."),
    combined: bool = typer.Option(False, "--combined", help="All objects in one volume."),
    sections: str = typer.Option(None, "--z", metavar="Z:Z", help="Only some sections, such as 0:10 (10 excluded)."),
    as_json: bool = AS_JSON,
    url: str = URL,
    key: str = KEY,
    verbose: bool = VERBOSE,
) -> None:
    """Save mask, labels, probability, overlay or original, in a format that other programs read."""
    start(verbose)
    wish = Wish(content, form, objects or None, combined, parse_sections(sections))
    if is_kept_job(Path(job)):
        path = export_kept(Path(job), output, wish)
    else:
        with Client(url, key) as client, TransferProgress("fetch", as_json) as progress:
            path = client.export(whole_id(client, job), output, **asdict(wish), on_progress=progress)
    say(json.dumps({"file": str(path)}) if as_json else str(path))


def parse_sections(text: str | None) -> tuple[int, int] | None:
    """Return the first section and the one past the last. Raises UsageError saying how to write it.

    >>> parse_sections("0:10")
    (0, 10)
    """
    if text is None:
        return None
    try:
        first, stop = (int(part) for part in text.split(":"))
    except ValueError:
        raise UsageError(f"--z must be two section numbers such as 0:10 (10 excluded), got {text!r}") from None
    return first, stop
