"""`emstream cancel` and `emstream retry`: a job of a running service stopped, or what failed of it done again."""

from __future__ import annotations

import json

import typer

from emstream.client.client import Client
from emstream_cli.console import say, start
from emstream_cli.options import VERBOSE
from emstream_cli.service_options import AS_JSON, JOB, KEY, URL, in_a_line, whole_id


def cancel(
    job: str = JOB,
    delete: bool = typer.Option(False, "--delete", help="Delete its files, too."),
    as_json: bool = AS_JSON,
    url: str = URL,
    key: str = KEY,
    verbose: bool = VERBOSE,
) -> None:
    """Stop a job; what is done of it stays, so that `retry` goes on, unless it is deleted."""
    start(verbose)
    with Client(url, key) as client:
        found = whole_id(client, job)
        if delete:
            client.delete(found)
            say(json.dumps({"deleted": found}) if as_json else f"job {found} is deleted")
            return
        stopped = client.cancel(found)
    say(stopped.model_dump_json() if as_json else in_a_line(stopped))


def retry(job: str = JOB, as_json: bool = AS_JSON, url: str = URL, key: str = KEY, verbose: bool = VERBOSE) -> None:
    """Do again what failed of a job, or go on with a cancelled one."""
    start(verbose)
    with Client(url, key) as client:
        again = client.retry(whole_id(client, job))
    say(again.model_dump_json() if as_json else in_a_line(again))
