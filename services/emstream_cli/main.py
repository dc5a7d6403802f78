"""The command `emstream`: its list of commands, and failures that end as a sentence and an exit code.

Exit codes: 0 done, 2 wrong usage, 3 unreadable input, 4 failed, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from emstream.errors import DiskFull, EmstreamError, Interrupted
from emstream.version import __version__
from emstream_cli.commands import evaluate, info, jobs, keys, machine, phantom, predict, report, serve, submit, train
from emstream_cli.console import say, warn
from emstream_cli.options import flattened

__all__ = ["app", "main"]
logger = logging.getLogger(__name__)


COMMANDS = (
    machine.bench,
    jobs.cancel,
    jobs.retry,
    machine.doctor,
    predict.predict,
    evaluate.evaluate,
    jobs.export,
    jobs.fetch,
    info.info,
    predict.merge,
    info.models,
    phantom.phantom,
    train.prepare,
    report.report,
    serve.serve,
    jobs.status,
    submit.submit,
    train.train,
)
"""Commands in the order of `emstream --help`; each has the name of its function."""


def make_app() -> typer.Typer:
    """Return the application with all commands."""
    made = typer.Typer(
        name="emstream",
        no_args_is_help=True,
        add_completion=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    made.callback()(_emstream)
    for command in COMMANDS:
        made.command()(flattened(command))
    keys_app = typer.Typer(no_args_is_help=True)
    keys_app.command("add")(flattened(keys.add))
    keys_app.command("list")(flattened(keys.list_keys))
    keys_app.command("remove")(flattened(keys.remove))
    made.add_typer(keys_app, name="keys", help=keys.HELP)
    return made


def _show_version(value: bool) -> None:
    if value:
        say(f"emstream {__version__}")
        raise typer.Exit


def _emstream(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Outline mitochondria, membranes and nuclei in electron-microscopy stacks."""


app = make_app()


def main() -> NoReturn:
    """Run the command line; every failure ends as a sentence and an exit code, never as a traceback."""
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
