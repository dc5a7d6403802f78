"""`emstream fetch`: a job's masks and measurements from a running service."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from emstream.client.client import Client
from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE
from emstream_cli.progress.transfer import TransferProgress
from emstream_cli.service_options import AS_JSON, JOB, KEY, URL, whole_id


def fetch(
    job: str = JOB,
    output: Path = typer.Option(..., "--output", "-o", help="Folder for mask.h5, measurements, report.json."),
    formats: list[str] = typer.Option(["h5"], "--format", help="h5, png (zipped), tiff; may be repeated."),
    as_json: bool = AS_JSON,
    url: str = URL,
    key: str = KEY,
    verbose: bool = VERBOSE,
) -> None:
    """Write a job's masks, measurements, overlay and report into a folder; formats not made yet are made now."""
    start(verbose)
    with Client(url, key) as client, TransferProgress("fetch", as_json) as progress:
        paths = client.fetch(whole_id(client, job), output, list(dict.fromkeys(formats)), progress)
    say(json.dumps({"files": [str(path) for path in paths]}) if as_json else "\n".join(map(str, paths)))
