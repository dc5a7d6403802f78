"""Writes the pages of the reference that follow from the code: `python -m docs.generate`.

    docs/reference/cli.md        from the Typer app
    docs/reference/rest.md       from the gateway's OpenAPI document
    docs/reference/settings.md   from the descriptions of Settings
    docs/reference/errors.md     from the classes in emstream.errors
    docs/reference/formats.md    from the tables of stack formats and export formats

The pages are checked in, so that they can be read without building anything; a test compares them with the code.
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
import typer.main
from typer.cli import get_docs_for_click

from emstream import errors
from emstream.api.problems import REFUSALS
from emstream.jobs.export_formats import EXPORT_FORMATS
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.readers.formats import FORMATS, StackFormat
from emstream.settings import Settings
from emstream_cli.main import app
from emstream_gateway.app import make_app

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `python -m docs.generate`: change the code, not this page. -->\n\n"
Schema = Mapping[str, Any]


class SilentSender:
    """A sender of hints that sends nothing: no request is made while the document is written."""

    def send(self, hints: Iterable[Hint]) -> None:
        return None

    def check(self) -> None:
        return None


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file's name."""
    return {
        "cli.md": NOTE + command_line(),
        "rest.md": NOTE + rest(openapi_document()),
        "settings.md": NOTE + settings_table(),
        "errors.md": NOTE + error_table(),
        "formats.md": NOTE + format_tables(),
    }


def command_line() -> str:
    """Return the page of all commands and their options."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="emstream")
    text = get_docs_for_click(obj=command, ctx=context, name="emstream", title="Command line")
    return text.replace(str(Path.home()), "~").strip() + "\n"


def settings_table() -> str:
    """Return the page of all settings."""
    lines = [
        "# Settings",
        "",
        "Environment variables, read once when a program starts; a wrong value stops it with a sentence.",
        "",
        *table("variable", "default", "meaning"),
    ]
    for name, field in Settings.model_fields.items():
        lines.append(row(f"`EMSTREAM_{name.upper()}`", default_of(field.default), field.description or ""))
    return "\n".join(lines) + "\n"


def default_of(value: object) -> str:
    """Return a default as the table shows it: the home folder as ~, whole numbers without a point."""
    match value:
        case None | "":
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
        case int() if value > 2**20 and value.bit_count() == 1:
            return f"2^{value.bit_length() - 1}"
        case Path():
            return f"`{str(value).replace(str(Path.home()), '~')}`"
        case _:
            return f"`{value}`"


def error_table() -> str:
    """Return the page of all errors that emstream raises on purpose."""
    lines = ["# Errors", "", EXIT_CODES, "", *table("error", "kind of", "exit code", "meaning")]
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.EmstreamError) and kind.__base__:
            meaning = (inspect.getdoc(kind) or "").splitlines()[0]
            lines.append(row(f"`{name}`", f"`{kind.__base__.__name__}`", str(kind.exit_code), meaning))
    lines += ["", "## Over REST", "", *table("status", "code", "error in Python", "example of a sentence")]
    lines += [
        row(str(each.status), f"`{each.code}`", f"`{each.public_error.__name__}`", each.example) for each in REFUSALS
    ]
    return "\n".join(lines) + "\n"


EXIT_CODES = """Every failure ends as a sentence that says what was given, what is allowed and what to do. On the
command line it comes with an exit code: 0 done, 2 wrong usage, 3 unreadable input, 4 failed (for example a full disk),
130 interrupted. [Over REST](#over-rest) it is a problem (RFC 9457) with the same sentence, a status and a code. In
Python each error is a class of `emstream.errors`, and `EmstreamError` catches all."""


def format_tables() -> str:
    """Return the page of the formats that are read and written."""
    lines = ["# Formats", "", "## Stacks that are read", "", *table("format", "names", "may hold")]
    lines += [
        row(each.kind, ", ".join(f"`*{end}`" for end in each.suffixes), "; ".join(held_by(each))) for each in FORMATS
    ]
    lines += ["", "A file's content decides on its format; the name is a hint where the content has no mark."]
    lines += ["", "## Exports that are written", "", *table("format", "name", "file", "note", "contents")]
    for name, form in EXPORT_FORMATS.items():
        lines.append(row(f"`{name}`", form.title, f"`.{form.suffix}`", form.hint, ", ".join(form.contents)))
    return "\n".join(lines) + "\n"


def held_by(form: StackFormat) -> Iterator[str]:
    """Yield what a file of a format may hold."""
    if form.is_image:
        yield "one section of a folder"
    if form.is_stack:
        yield "a stack"
    if form.has_datasets:
        yield "several stacks, by name"


def openapi_document() -> Schema:
    """Return the OpenAPI document of a gateway that serves an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        gateway = make_app(Settings(data=Path(folder)), MemoryLedger(), SilentSender(), None, "")
        return gateway.openapi()


def rest(document: Schema) -> str:
    """Return the page of all calls, their parameters and answers, and of the shapes of JSON."""
    calls = [(f"{verb.upper()} {path}", call) for path, of in document["paths"].items() for verb, call in of.items()]
    lines = ["# REST", "", REST_INTRODUCTION, "", *table("call", "meaning")]
    lines += [row(f"[`{name}`](#{anchor(name)})", call["summary"]) for name, call in calls]
    lines += ["", "## Refusals", "", *table("status", "meaning")]
    lines += [row(status, meaning) for status, meaning in sorted(refusals(call for _, call in calls))]
    for name, call in calls:
        lines += ["", f"## {name}", "", *call_lines(call)]
    lines += ["", "## Shapes of JSON"]
    for name, shape in sorted(document["components"]["schemas"].items()):
        lines += ["", f"### {name}", "", *shape_lines(shape)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


REST_INTRODUCTION = """The same document for programs is at `/openapi.json`. Send an API key as `Authorization: Bearer
KEY`, made by `emstream keys add OWNER`; a key sees its own jobs only. Refusals are `application/problem+json` (RFC
9457): a status, a code, and a sentence that says what to do. Files are answered with Range and ETag."""


def call_lines(call: Schema) -> Iterator[str]:
    """Yield the lines about one call."""
    yield from (sentence(call["summary"]), "")
    if len(call.get("description", "")) > len(call["summary"]):
        yield from (call["description"], "")
    parameters = call.get("parameters", [])
    if parameters:
        yield from table("parameter", "in", "type", "meaning")
        for each in parameters:
            name = f"`{each['name']}`" + (" (required)" if each["required"] else "")
            yield row(name, each["in"], type_of(each["schema"]), each.get("description", ""))
        yield ""
    for kind, content in call.get("requestBody", {}).get("content", {}).items():
        yield from (f"Body: `{kind}`, {type_of(content.get('schema', {}))}", "")
    answers = {status: answer for status, answer in sorted(call["responses"].items()) if status < "400"}
    yield from table("status", "answer", "content")
    for status, answer in answers.items():
        yield row(status, answer["description"], ", ".join(contents_of(answer)))
    refused = sorted(call["responses"].keys() - answers.keys())
    if refused:
        yield from ("", f"[Refused](#refusals) with {', '.join(refused)}.")


def refusals(calls: Iterable[Schema]) -> set[tuple[str, str]]:
    """Return each status of a refusal with its meaning."""
    answers = ((status, answer["description"]) for call in calls for status, answer in call["responses"].items())
    return {(status, meaning) for status, meaning in answers if status >= "400"}


def contents_of(answer: Schema) -> Iterator[str]:
    """Yield what an answer's body may be."""
    for kind, content in answer.get("content", {}).items():
        shape = type_of(content.get("schema", {}))
        yield shape if kind == "application/json" else f"`{kind}`"


def shape_lines(shape: Schema) -> Iterator[str]:
    """Yield the lines about one shape of JSON."""
    yield from (sentence(shape.get("description", "")), "")
    needed = shape.get("required", [])
    yield from table("field", "type", "default", "meaning")
    for name, field in shape.get("properties", {}).items():
        default = "required" if name in needed else f"`{field['default']}`" if field.get("default") is not None else ""
        yield row(f"`{name}`", type_of(field), default, field.get("description", ""))


def type_of(schema: Schema) -> str:
    """Return a JSON schema's type in short: names of shapes are links."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(choices)} | {"oneOf": list(choices)}:
            return " or ".join(type_of(choice) for choice in choices)
        case {"enum": list(values)}:
            return ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"type": "array", "items": dict(items)}:
            return f"list of {type_of(items)}"
        case {"type": str(kind)}:
            return kind
        case _:
            return "any"


def sentence(text: str) -> str:
    """Return a text with a full stop at its end."""
    return text if not text or text.endswith(".") else f"{text}."


def anchor(heading: str) -> str:
    """Return the name under which Markdown's table of contents links a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip())


def table(*titles: str) -> list[str]:
    """Return the first two lines of a table."""
    return [row(*titles), "|" + "---|" * len(titles)]


def row(*cells: str) -> str:
    """Return one line of a table."""
    escaped = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(escaped) + " |"


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
