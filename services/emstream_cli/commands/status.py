"""`emstream status`: the jobs of a running service."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from emstream_cli.console import say
from emstream_cli.job_lines import in_a_line, in_words
from emstream_cli.service_options import LISTED, ServiceOptions, whole_id


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
