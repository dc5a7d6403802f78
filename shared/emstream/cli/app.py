"""The typer application and what all commands share: settings, logs, exit codes.

Exit codes: 0 done, 2 wrong usage, 3 unreadable input, 4 failed, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

import typer

from emstream import __version__
from emstream.errors import DiskFull, EmstreamError, Interrupted
from emstream.logs import configure
from emstream.settings import Settings, read_settings

logger = logging.getLogger(__name__)

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


def main() -> NoReturn:
    """Run the command line; every failure ends as a sentence and an exit code, never as a traceback."""
    from emstream.cli import (  # noqa: F401  # they register themselves
        bench,
        cancel,
        doctor,
        evaluate,
        export,
        fetch,
        info,
        keys,
        merge,
        models,
        phantom,
        predict,
        prepare,
        report,
        serve,
        status,
        submit,
        train,
    )

    try:
        app(standalone_mode=True)
    except EmstreamError as error:
        warn(f"emstream: {error}")
        if isinstance(error, DiskFull | Interrupted):
            _leave_at_once(error.exit_code)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        warn("emstream: interrupted; run the same command again to go on")
        _leave_at_once(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        logger.debug("unexpected error", exc_info=True)
        warn(
            f"emstream: {type(error).__name__}: {error}. This is a mistake in emstream: please report it "
            "with the output of EMSTREAM_LOG_LEVEL=DEBUG"
        )
        sys.exit(4)
    sys.exit(0)


def _leave_at_once(code: int) -> NoReturn:
    """End without Python's clean-up.

    HDF5 crashes there on files whose last flush found the disk full, and it waits for ever where Ctrl-C left a thread
    inside the engine. Nothing is lost: files appear under their final names only when they are whole.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
