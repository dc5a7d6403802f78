"""`emstream cancel` and `emstream retry`: a job of a running service is stopped, or what failed of it is done again."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from emstream_cli.console import say
from emstream_cli.job_lines import in_a_line
from emstream_cli.service_options import JobId, ServiceOptions, whole_id


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
