"""Options of the commands that ask a running service: its address and key, and one job's id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from emstream.client.client import Client
from emstream.errors import JobNotFound
from emstream_cli.console import start
from emstream_cli.options import AsJson, Verbose

ID_LENGTH = 32
LISTED = 100
"""Number of jobs that the service lists at a time."""

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job, by the first characters of its id.")]


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Where the service is, and how to print its answers."""

    as_json: AsJson = False
    url: Annotated[
        str | None,
        typer.Option(help="The service. Default: EMSTREAM_URL, then the `emstream serve` of EMSTREAM_DATA."),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(help="API key. Default: EMSTREAM_KEY, then the token of the `emstream serve` here."),
    ] = None
    verbose: Verbose = False

    def client(self) -> Client:
        """Return a client of the service; it is a context manager. Raises ServiceUnavailable if none is found."""
        start(self.verbose)
        return Client(self.url, self.key)


def whole_id(client: Client, start: str) -> str:
    """Return the id that begins so. Raises JobNotFound if there is none, or several."""
    if len(start) >= ID_LENGTH:
        return start
    found = [job.id for job in client.jobs(limit=LISTED) if start and job.id.startswith(start)]
    if len(found) != 1:
        raise JobNotFound(
            f"{len(found) or 'none'} of the last {LISTED} jobs begin{'s' * (not found)} with {start!r}: "
            "give the whole id, or more of it; see `emstream status`"
        )
    return found[0]
