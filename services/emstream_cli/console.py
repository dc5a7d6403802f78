"""The first and the last thing that commands do: read the settings, print lines."""

from __future__ import annotations

import typer

from emstream.logs import configure
from emstream.settings import Settings, read_settings


def start(verbose: bool) -> Settings:
    """Read the settings and configure logs: the first thing each command does."""
    settings = read_settings()
    configure("INFO" if verbose and settings.log_level == "WARNING" else settings.log_level, settings.log_format)
    return settings


def say(text: str = "") -> None:
    """Print a line for the user."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print a line next to the result, on standard error."""
    typer.echo(text, err=True)
