"""Groups of options, as typer and a command see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from inspect import signature
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from emstream_cli.options import flattened

runner = CliRunner()


@dataclass(frozen=True)
class Paint:
    """A group with all kinds of fields."""

    tin: Annotated[str, typer.Option("--tin", "-t", help="Tin to open.")]
    colour: Annotated[str, typer.Option(help="Colour of the wall.")] = "white"
    coats: Annotated[int | None, typer.Option(min=1)] = None
    tools: Annotated[list[str], typer.Option("--tool")] = field(default_factory=lambda: ["brush"])
    is_matt: Annotated[bool, typer.Option("--matt/--gloss")] = True


@dataclass(frozen=True)
class Ladder:
    """A second group."""

    steps: Annotated[int, typer.Option()] = 3


SEEN: list[tuple[str, Paint, Ladder, bool]] = []


def paint(
    wall: Annotated[str, typer.Argument(help="Wall to paint.")],
    paint: Paint,
    ladder: Ladder,
    verbose: Annotated[bool, typer.Option("--verbose")] = False,
) -> None:
    """Paint a wall."""
    SEEN.append((wall, paint, ladder, verbose))


@pytest.fixture
def app() -> typer.Typer:
    SEEN.clear()
    made = typer.Typer()
    made.command()(flattened(paint))
    return made


def test_a_command_gets_its_groups_with_their_defaults(app: typer.Typer) -> None:
    assert runner.invoke(app, ["north", "--tin", "7"]).exit_code == 0
    assert [("north", Paint("7"), Ladder(), False)] == SEEN


def test_every_field_is_an_option(app: typer.Typer) -> None:
    words = "north -t 7 --colour red --coats 2 --tool roller --tool tape --gloss --steps 5 --verbose"
    assert runner.invoke(app, words.split()).exit_code == 0
    assert [("north", Paint("7", "red", 2, ["roller", "tape"], is_matt=False), Ladder(5), True)] == SEEN


def test_a_field_without_a_default_is_required(app: typer.Typer) -> None:
    refused = runner.invoke(app, ["north"])
    assert refused.exit_code == 2
    assert "--tin" in refused.output
    assert SEEN == []


def test_limits_of_an_option_hold_in_a_group(app: typer.Typer) -> None:
    assert runner.invoke(app, ["north", "-t", "7", "--coats", "0"]).exit_code == 2


def test_help_shows_the_options_and_the_sentence_of_the_command(app: typer.Typer) -> None:
    told = runner.invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    for word in ("Paint a wall.", "--colour", "Colour of the wall.", "--gloss", "--steps"):
        assert word in told


def test_a_flattened_command_keeps_its_name_and_shows_one_parameter_per_option() -> None:
    flat = flattened(paint)
    assert flat.__name__ == "paint"
    assert list(signature(flat).parameters) == [
        *("wall", "tin", "colour", "coats", "tools", "is_matt", "steps", "verbose"),
    ]


def test_a_default_that_can_change_is_made_for_each_command() -> None:
    first, second = (signature(flattened(paint)).parameters["tools"].default for _ in range(2))
    assert first == second == ["brush"]
    assert first is not second
