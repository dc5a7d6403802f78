"""The typer application and what all commands share: settings, logs, messages."""

from __future__ import annotations

import typer

from emstream.logs import configure
from emstream.settings import Settings, read_settings
from emstream.version import __version__

app = typer.Typer(
    name="emstream",
    help="Outline mitochondria, membranes and nuclei in electron-microscopy stacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def start(verbose: bool) -> Settings:
    """Read the settings and configure logs: the first thing each command does."""
    settings = read_settings()
    configure("INFO" if verbose and settings.log_level == "WARNING" else settings.log_level, settings.log_format)
    return settings


def say(text: str = "") -> None:
    """Print a line for the user."""
    typer.echo(text)


def warn(text: str) -> None:
    """Print a line beside the result, on standard error."""
    typer.echo(text, err=True)


def _show_version(value: bool) -> None:
    if value:
        say(f"emstream {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Outline mitochondria, membranes and nuclei in electron-microscopy stacks."""
