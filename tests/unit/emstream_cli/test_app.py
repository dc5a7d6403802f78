"""The list of commands, and what all of them have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import emstream_cli.commands
from emstream.version import __version__
from emstream_cli.main import COMMANDS, app, make_app

runner = CliRunner()
NAMES = [command.__name__ for command in COMMANDS]
KEYS = (["keys", "add"], ["keys", "list"], ["keys", "remove"])


def test_every_module_of_a_command_is_in_the_list() -> None:
    [folder] = emstream_cli.commands.__path__
    modules = {path.stem for path in Path(folder).glob("*.py")} - {"__init__", "keys"}
    assert {command.__module__.rpartition(".")[2] for command in COMMANDS} == modules
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("words", [[], *([name] for name in NAMES), *KEYS], ids=" ".join)
def test_every_command_has_help_in_sentences(words: list[str]) -> None:
    short, long = (runner.invoke(app, [*words, option], env={"COLUMNS": "200"}) for option in ("-h", "--help"))
    assert short.exit_code == long.exit_code == 0
    assert short.output == long.output
    assert "Usage: " in short.output


def parameters() -> list[tuple[str, str]]:
    group = typer.main.get_command(app)
    found = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # a group
        for one in getattr(command, "commands", {name: command}).values():
            found += [(f"{name} {parameter.name}", getattr(parameter, "help", "") or "") for parameter in one.params]
    return found


def test_every_option_is_explained_by_a_sentence() -> None:
    bare = [name for name, told in parameters() if name.split()[1] != "help" and not told.rstrip().endswith((".", "]"))]
    assert not bare


def test_help_keeps_to_the_house_style() -> None:
    words = ("anew", "in place of", "beside", "at the most", "somebody", "nobody", "those that")
    assert not [(name, told) for name, told in parameters() for word in words if word in told]


def test_the_shell_can_complete() -> None:
    told = runner.invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    assert "--install-completion" in told
    assert "--show-completion" in told


def test_the_version_is_shown() -> None:
    assert runner.invoke(app, ["--version"]).output == f"emstream {__version__}\n"


def test_without_a_command_there_is_help() -> None:
    told = runner.invoke(app, [])
    assert told.exit_code == 2
    assert "Commands" in told.output


def test_a_command_that_does_not_exist_is_refused() -> None:
    assert runner.invoke(app, ["segmentate"]).exit_code == 2


def test_two_applications_share_nothing() -> None:
    assert make_app() is not make_app()


def test_importing_a_command_adds_it_nowhere() -> None:
    program = "import sys, emstream_cli.commands.predict; sys.exit('emstream_cli.main' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
