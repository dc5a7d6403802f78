"""README and manual: commands are parsed, links lead somewhere, names exist, generated pages are as the code says."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from docs.generate import REFERENCE, anchor, openapi_document, pages
from emstream.settings import Settings
from emstream_cli.main import app
from tests.places import ROOT

README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {REFERENCE / name for name in pages()}
WRITTEN = [path for path in DOCUMENTS if path not in GENERATED]
WAY = ROOT / "docs" / "explanation" / "architecture.md"
LONGEST_README = 900
QUESTIONS = ("What", "How", "Which", "Whether", "Where")
"""Words that open no module's docstring."""
COMMANDS = typer.main.get_command(app)
OTHER_VARIABLES = {"EMSTREAM_SIF", "EMSTREAM_TEST_DATA", "EMSTREAM_TEST_HOSTS", "EMSTREAM_TEST_IMAGES"}
"""Variables of scripts and tests, which are no settings."""
SOURCE_ROOTS = ("services", "shared", "tests", "docs", "k8s")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each_document(documents: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", documents, ids=name_of)


def fenced_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_blocks(text: str) -> list[str]:
    """Return the blocks that are indented by four spaces: all that a reader may type."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"(?:^\n|\A)((?:    .*\n|\n(?=    ))+)", outside, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in blocks]


def calls_of(program: str, text: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of a program in a document's shell blocks."""
    for block in shell_blocks(text):
        lines = re.sub(r"\s*\\\n\s*", " ", block).splitlines()
        for line in lines:
            for call in re.findall(rf"(?<!-n )(?:^|(?<=[\s(;])){program}( [^;)|#]*)", line):
                yield shlex.split(call, comments=True)


def mentions_of(program: str, text: str) -> Iterator[list[str]]:
    """Yield the words of each call of a program between backticks in a document's prose."""
    prose = re.sub(r"^    .*$", "", text, flags=re.MULTILINE)
    for words in re.findall(rf"`{program} ([^`]*)`", prose):
        yield words.split()


def found_command(words: list[str]) -> tuple[TyperCommand | TyperGroup, list[str]]:
    """Return the command that the words name, and the words after its name."""
    command, rest = COMMANDS, list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        assert rest[0] in command.commands, f"there is no command emstream {' '.join(words)}"
        command = command.commands[rest.pop(0)]
    assert isinstance(command, TyperCommand | TyperGroup)
    return command, rest


def options_of(command: TyperCommand | TyperGroup) -> set[str]:
    return {"--help", "-h"} | {name for each in command.params for name in (*each.opts, *each.secondary_opts)}


def test_the_readme_is_short() -> None:
    assert len(README.read_text().split()) <= LONGEST_README


@each_document(WRITTEN)
def test_commands_in_blocks_are_taken_by_the_command_line(path: Path) -> None:
    for words in calls_of("emstream", path.read_text()):
        command, rest = found_command(words)
        context = typer.Context(command, info_name="emstream", resilient_parsing=True)
        _, left, _ = command.make_parser(context).parse_args(rest)
        assert not left, f"{words}: {left} is too much"


@each_document(WRITTEN)
def test_commands_in_prose_have_options_that_exist(path: Path) -> None:
    for words in mentions_of("emstream", path.read_text()):
        if "|" in words[0]:
            continue
        command, rest = found_command([word for word in words if word])
        given = {word.partition("=")[0] for word in rest if word.startswith("-")}
        assert given <= options_of(command), f"emstream {' '.join(words)}"


@each_document(WRITTEN)
def test_the_shell_can_read_every_block(path: Path) -> None:
    for block in shell_blocks(path.read_text()):
        told = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True)
        assert told.returncode == 0, f"{block}\n{told.stderr}"


@each_document(WRITTEN)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    asked = [words[0] for way in (calls_of, mentions_of) for words in way("make", text)]
    assert set(asked) <= targets


@each_document(WRITTEN)
def test_extras_that_are_installed_exist(path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    for named in re.findall(r"pip install '\.\[(.*?)\]'", path.read_text()):
        assert set(named.split(",")) <= extras


@each_document(WRITTEN)
def test_modules_that_are_run_exist(path: Path) -> None:
    for module in re.findall(r"python -m ([\w.]+)", path.read_text()):
        assert importlib.util.find_spec(module), module


@pytest.fixture(scope="module")
def urls() -> list[str]:
    """Return the pattern of each URL of the service."""
    return [re.sub(r"\{[^}]*\}", "[^/]+", path) for path in openapi_document()["paths"]]


@each_document(WRITTEN)
def test_urls_of_the_service_are_in_its_openapi_document(path: Path, urls: list[str]) -> None:
    for url in re.findall(r"(?<![\w.])/v1/[^\s`'\"?,;)]*", path.read_text()):
        if "..." not in url:
            assert any(re.fullmatch(pattern, url.rstrip(".")) for pattern in urls), url


@each_document(WRITTEN)
def test_python_in_documents_compiles_and_its_names_exist(path: Path) -> None:
    for block in fenced_blocks(path.read_text(), "python"):
        for node in ast.walk(ast.parse(block)):
            match node:
                case ast.ImportFrom(module=str(module), names=names) if module.startswith("emstream"):
                    assert all(hasattr(importlib.import_module(module), each.name) for each in names), block
                case ast.Attribute(value=ast.Name(id="emstream"), attr=attribute):
                    assert hasattr(importlib.import_module("emstream"), attribute), attribute


@each_document(DOCUMENTS)
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        file, _, part = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if part:
            headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
            assert part in {anchor(heading.replace("`", "")) for heading in headings}, target


@each_document(WRITTEN)
def test_files_that_are_named_exist(path: Path) -> None:
    """A name may end as a folder; one with a placeholder or a star is a pattern."""
    for name in re.findall(rf"`((?:{'|'.join(SOURCE_ROOTS)})/[^`\s]*)`", path.read_text()):
        pattern = re.sub(r"<[^>]*>|\{[^}]*\}|NAME", "*", name).rstrip("/")
        assert list(ROOT.glob(pattern)), name


@each_document(WRITTEN)
def test_settings_that_are_named_exist(path: Path) -> None:
    settings = {f"EMSTREAM_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    named = set(re.findall(r"EMSTREAM_[A-Z_]*[A-Z]", path.read_text()))
    assert named <= settings


def test_generated_pages_are_as_the_code_says() -> None:
    """Run `python -m docs.generate` when this fails."""
    for name, text in pages().items():
        assert (REFERENCE / name).read_text() == text, f"{name}: run `python -m docs.generate`"


def test_every_shipped_network_is_listed() -> None:
    listed = (REFERENCE / "models.md").read_text()
    shipped = (ROOT / "shared" / "emstream" / "models" / "shipped").glob("*.onnx")
    assert not [path.stem for path in shipped if f"`{path.stem}`" not in listed]


def test_the_manual_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "index.html").exists()


def rows_of_the_way() -> list[tuple[str, str]]:
    """Return file and function of each row of the table of a package's way."""
    table = WAY.read_text().partition("## The way of a package")[2].partition("\n## ")[0]
    return re.findall(r"\| `((?:services|shared)/[^`]*)` \| `([^`]*)` \|", table)


def names_in(path: Path) -> set[str]:
    """Return the functions, classes, and methods as Class.method of a module; of another file the words."""
    if path.suffix != ".py":
        return set(re.findall(r"\w+", path.read_text())) | {path.stem}
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
    return names


def test_the_way_of_a_package_leads_through_files_and_functions_that_exist() -> None:
    rows = rows_of_the_way()
    assert len(rows) > 20
    for file, function in rows:
        assert (ROOT / file).is_file(), file
        assert function in names_in(ROOT / file), f"{file} has no {function}"


def test_no_module_s_docstring_opens_with_a_question_word() -> None:
    modules = [path for root in ("services", "shared", "docs") for path in (ROOT / root).rglob("*.py")]
    opening = {path: (ast.get_docstring(ast.parse(path.read_text())) or "").split(maxsplit=1)[:1] for path in modules}
    assert not [name_of(path) for path, words in opening.items() if words and words[0].rstrip(":,") in QUESTIONS]
