"""The parts of the generated reference: defaults, types, anchors and rows as the pages show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generate import anchor, call_lines, default_of, refusals, row, type_of


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        (False, "`false`"),
        (8.0, "`8`"),
        (2**42, "2^42"),
        (1000, "`1000`"),
        (Path.home() / ".emstream", "`~/.emstream`"),
        ("auto", "`auto`"),
    ],
)
def test_a_default_is_shown_alike_on_every_machine(value: object, shown: str) -> None:
    assert default_of(value) == shown


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "integer"}, "integer"),
        ({"$ref": "#/components/schemas/JobList"}, "[JobList](#joblist)"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["h5", "png"]}, "`h5`, `png`"),
        ({"const": 1}, "`1`"),
        ({"type": "array", "items": {"type": "number"}}, "list of number"),
        ({}, "any"),
    ],
)
def test_a_type_is_shown_in_short(schema: dict[str, object], shown: str) -> None:
    assert type_of(schema) == shown


def test_an_anchor_is_what_the_heading_is_linked_under() -> None:
    assert anchor("GET /v1/jobs/{job}/at") == "get-v1jobsjobat"
    assert anchor("Licence of the weights") == "licence-of-the-weights"


def test_a_row_stays_on_one_line_and_keeps_its_columns() -> None:
    assert row("a\n b", "c|d") == "| a b | c\\|d |"


CALL = {
    "summary": "A job as it stands",
    "description": "Show a job.",
    "parameters": [{"name": "job", "in": "path", "required": True, "schema": {"type": "string"}}],
    "responses": {
        "200": {"description": "The job", "content": {"application/json": {"schema": {"type": "object"}}}},
        "404": {"description": "There is no such job"},
    },
}


def test_a_call_shows_its_parameters_its_answer_and_its_refusals() -> None:
    lines = list(call_lines(CALL))
    assert lines[0] == "A job as it stands."
    assert "Show a job." not in lines  # says no more than the summary
    assert "| `job` (required) | path | string |  |" in lines
    assert "| 200 | The job | object |" in lines
    assert lines[-1] == "[Refused](#refusals) with 404."


def test_refusals_are_collected_once_over_all_calls() -> None:
    assert refusals([CALL, CALL]) == {("404", "There is no such job")}
