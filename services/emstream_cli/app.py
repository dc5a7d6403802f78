"""The typer application: a list of commands, added here and nowhere else."""

from __future__ import annotations

from typing import Annotated

import typer

from emstream.version import __version__
from emstream_cli.commands import (
    evaluate,
    export,
    info,
    jobs,
    keys,
    machine,
    models,
    phantom,
    predict,
    report,
    serve,
    submit,
    train,
)
from emstream_cli.console import say
from emstream_cli.options import flattened

COMMANDS = (
    machine.bench,
    jobs.cancel,
    jobs.retry,
    machine.doctor,
    predict.predict,
    evaluate.evaluate,
    export.export,
    jobs.fetch,
    info.info,
    predict.merge,
    models.models,
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
