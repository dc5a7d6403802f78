"""`emstream status`: the jobs of a running service."""

from __future__ import annotations

import json

import typer

from emstream.client.client import Client
from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE
from emstream_cli.service_options import AS_JSON, KEY, LISTED, URL, in_a_line, in_words, whole_id


def status(
    job: str = typer.Argument(None, metavar="[ID]", help="One job, by the first characters of its id; none = all."),
    limit: int = typer.Option(20, min=1, max=LISTED, help="Jobs listed at the most, newest first."),
    as_json: bool = AS_JSON,
    url: str = URL,
    key: str = KEY,
    verbose: bool = VERBOSE,
) -> None:
    """Show jobs, or all about one."""
    start(verbose)
    with Client(url, key) as client:
        if job is not None:
            one = client.job(whole_id(client, job))
            say(one.model_dump_json() if as_json else "\n".join(in_words(one)))
            return
        jobs = client.jobs(limit=limit)
    if as_json:
        say(json.dumps({"jobs": [found.model_dump(mode="json") for found in jobs]}))
    elif jobs:
        say("\n".join(in_a_line(found) for found in jobs))
    else:
        say(f"no jobs yet at {client.url}: send one with `emstream submit`")
