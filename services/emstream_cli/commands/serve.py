"""`emstream serve`: the whole service on this machine."""

from __future__ import annotations

import importlib.util
import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from emstream.client.address import Address
from emstream.errors import EngineUnavailable
from emstream_cli.console import say, start, warn
from emstream_cli.options import Verbose

NEEDED = ("redis", "celery", "uvicorn", "fastapi")


def serve(
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port of the gateway; 0 = any free one. [EMSTREAM_PORT]"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for jobs, the broker's files and keys. [EMSTREAM_DATA]")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = False,
    verbose: Verbose = False,
) -> None:
    """Run broker, gateway and workers until Ctrl-C; prints the URL. A second Ctrl-C does not wait for work at hand."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise EngineUnavailable(
            f"the service needs {', '.join(missing)}, which is not installed: pip install 'emstream[serve]'"
        )
    from emstream_standalone.service import serve as run

    settings = start(verbose)
    given = {name: value for name, value in (("port", port), ("data", data)) if value is not None}
    settings = settings.model_copy(update=given)

    def announce(address: Address) -> None:
        url = f"{address.url}/#token={quote(address.key)}"
        say(f"emstream is ready: {url}")
        if open_browser:
            webbrowser.open(url)

    run(settings, announce)
    warn("emstream: stopped; unfinished jobs go on at the next `emstream serve`")
