"""The rules of the house: who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import emstream
from emstream.stages import KINDS
from tests.places import ROOT

LIBRARY = ROOT / "shared" / "emstream"
SERVICES = ROOT / "services"
FLOORS = {"emstream": 1, "emstream_standalone": 3, "emstream_cli": 4} | {
    f"emstream_{service}": 2 for service in ("gateway", *KINDS, "training")
}
"""A package imports itself and packages of lower floors only."""
LIBRARY_ROOMS = [
    {"version", "errors", "settings", "stages", "logs"},
    {"volume", "models"},
    {"ledger", "host"},
    {"jobs", "api_keys"},
    {"work", "api", "readers"},
    {"client", "phantom"},
]
"""Lowest floor first. A room imports itself and lower floors; modules of the lowest floor may import each other."""
GATEWAY_ROOMS = [
    {"http", "sessions"},
    {"storage"},
    {"context", "auth"},
    {"jobs"},
    {"routes"},
    {"app", "server", "__main__"},
]
SAME_FLOOR = {(0, 0), (2, 2), (5, 5)}
"""Floors of single modules, which may import each other."""
WIDEST_FOLDER = 18
CELERY_FILE = "emstream.work.queues"
DOOR_UP = {"segment": "emstream_standalone.segment"}
"""Names of `emstream` that are loaded from above when a user asks for them."""


def module_name(path: Path) -> str:
    parts = path.relative_to(LIBRARY.parent if path.is_relative_to(LIBRARY) else SERVICES).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


PATHS = {module_name(path): path for folder in (LIBRARY, SERVICES) for path in sorted(folder.rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports anywhere, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in PATHS else node.module


IMPORTS = {name: set(imported(path)) - {name} for name, path in PATHS.items()}
EDGES = [(one, other) for one, others in IMPORTS.items() for other in others if other in PATHS]


def room_of(name: str, package: str) -> str:
    return name.removeprefix(f"{package}.").split(".")[0]


def floor_of(room: str, floors: list[set[str]]) -> int:
    return next(number for number, rooms in enumerate(floors) if room in rooms)


def test_packages_import_only_what_stands_below_them() -> None:
    for one, other in EDGES:
        here, there = one.split(".")[0], other.split(".")[0]
        if here != there:
            assert FLOORS[there] < FLOORS[here], f"{one} imports {other}"


@pytest.mark.parametrize(
    ("package", "floors"),
    [("emstream", LIBRARY_ROOMS), ("emstream_gateway", GATEWAY_ROOMS)],
    ids=["library", "gateway"],
)
def test_rooms_import_only_what_stands_below_them(package: str, floors: list[set[str]]) -> None:
    for one, other in EDGES:
        if not (one.startswith(f"{package}.") and other.startswith(f"{package}.")):
            continue
        here, there = room_of(one, package), room_of(other, package)
        if here != there:
            heights = floor_of(there, floors), floor_of(here, floors)
            assert heights[0] < heights[1] or heights in SAME_FLOOR, f"{one} imports {other}"


def test_only_segment_is_loaded_from_above_when_a_user_asks_for_it() -> None:
    above = {name: module for name, module in vars(emstream)["LAZY"].items() if not module.startswith("emstream.")}
    assert above == DOOR_UP


def test_no_route_imports_another_route() -> None:
    routes = "emstream_gateway.routes."
    assert not [(one, other) for one, other in EDGES if one.startswith(routes) and other.startswith(routes)]


def test_no_imports_go_round_in_a_circle() -> None:
    left = {one: {other for start, other in EDGES if start == one} for one in IMPORTS}
    while leaves := [name for name, others in left.items() if not others & left.keys()]:
        for name in leaves:
            del left[name]
    assert not left, f"a circle runs through {sorted(left)}"


def test_celery_redis_and_fastapi_stay_where_they_belong() -> None:
    for one, others in IMPORTS.items():
        roots = {other.split(".")[0] for other in others}
        if roots & {"celery", "kombu"}:
            assert one == CELERY_FILE
        if "redis" in roots:
            assert one.startswith("emstream.ledger.") or one == "emstream_standalone.broker", one
        if roots & {"fastapi", "starlette", "uvicorn"}:
            assert one.startswith("emstream_gateway"), one


def test_no_folder_is_wider_than_one_can_overlook() -> None:
    widths = Counter(path.parent for path in PATHS.values() if len(path.read_text().splitlines()) > 3)
    assert not {folder: width for folder, width in widths.items() if width > WIDEST_FOLDER}


CPU_MODULES = [
    "emstream_standalone.in_process",
    "emstream_cli.main",
    "emstream_training.metrics.evaluate",
    "emstream_gateway.app",
    "emstream_cli.demo",
    "emstream_standalone.service",
    "emstream_cli.commands.report",
    *(f"emstream_{kind}.worker" for kind in KINDS),
]


@pytest.mark.parametrize("module", CPU_MODULES)
def test_predicting_on_a_cpu_loads_neither_torch_nor_matplotlib(module: str) -> None:
    program = f"import sys, {module}; sys.exit(bool({{'torch', 'matplotlib'}} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_files_stay_readable() -> None:
    for path in PATHS.values():
        assert len(path.read_text().splitlines()) <= 400, f"{path}: two nouns inside?"


def test_nothing_prints_outside_the_command_line() -> None:
    for name, path in PATHS.items():
        if not name.startswith("emstream_cli"):
            assert not re.search(r"^\s*print\(", path.read_text(), re.MULTILINE), path


def test_every_module_has_a_test_that_imports_it_or_is_named_after_it() -> None:
    """Commands are run by their words, schemas of the API are what its routes answer, __main__ only calls main."""
    tests = sorted((ROOT / "tests" / "unit").rglob("test_*.py"))
    tested = {name for path in tests for name in imported(path)}
    mirrors = {path.relative_to(ROOT / "tests" / "unit").as_posix() for path in tests}
    untested = {
        name
        for name, path in PATHS.items()
        if path.name != "__init__.py"
        and not name.startswith(("emstream_cli.commands.", "emstream_cli.__main__", "emstream.api."))
        if name not in tested and f"{'/'.join(name.split('.')[:-1])}/test_{name.split('.')[-1]}.py" not in mirrors
    }
    assert untested == set()
