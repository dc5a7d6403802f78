"""`emstream fetch`: a job's masks and measurements from a running service."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from emstream_cli.console import say
from emstream_cli.progress.transfer import TransferProgress
from emstream_cli.service_options import JobId, ServiceOptions, whole_id


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """What is fetched, and where it is written."""

    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for mask.h5, measurements, report.json.")]
    formats: Annotated[list[str], typer.Option("--format", help="h5, png (zipped), tiff. May be repeated.")] = field(
        default_factory=lambda: ["h5"]
    )


def fetch(job: JobId, what: FetchOptions, service: ServiceOptions) -> None:
    """Write a job's masks, measurements, overlay and report into a folder; formats not made yet are made now."""
    with service.client() as client, TransferProgress("fetch", service.as_json) as progress:
        paths = client.fetch(whole_id(client, job), what.output, list(dict.fromkeys(what.formats)), progress)
    say(json.dumps({"files": [str(path) for path in paths]}) if service.as_json else "\n".join(map(str, paths)))
