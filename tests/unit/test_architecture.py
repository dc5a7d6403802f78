"""The rules of the house: who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from emstream.settings import Settings

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "shared" / "emstream"
SERVICES = ROOT / "services"
JOINERS = {"standalone.py", "demo.py", "serve.py", "supervisor.py"}
"""The only files of services/ that may see several services."""


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (module, whether at the top level) for each import."""
    tree = ast.parse(path.read_text())
    top = set(map(id, tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, id(node) in top


def test_the_library_imports_no_service_but_the_command_line_when_it_must() -> None:
    for path in modules(LIBRARY):
        for name, is_top in imports(path):
            if name.split(".")[0] == "services":
                assert "cli" in path.parts, f"{path} imports {name}"
                assert not is_top, f"{path} imports {name} at its top: commands import services when they run"


def test_a_service_imports_the_library_and_itself_only() -> None:
    for path in modules(SERVICES):
        parts = path.relative_to(SERVICES).parts
        if len(parts) == 1 and parts[0] in {*JOINERS, "__init__.py"}:
            continue
        for name, _ in imports(path):
            if name.startswith("services."):
                assert name.split(".")[1] == parts[0], f"{path} imports {name}"


def test_celery_and_fastapi_stay_where_they_belong() -> None:
    for path in [*modules(LIBRARY), *modules(SERVICES)]:
        for name, _ in imports(path):
            root = name.split(".")[0]
            if root in ("celery", "kombu"):
                assert path.name in ("worker.py", "queues.py"), f"{path} imports {name}"
            if root in ("fastapi", "starlette", "uvicorn"):
                assert path.is_relative_to(SERVICES / "gateway"), f"{path} imports {name}"


CPU_MODULES = ["services.standalone", "emstream.cli", "services.training.evaluate", "services.gateway.app"]
CPU_MODULES += ["services.demo", "services.serve", "emstream.cli.report"]
CPU_MODULES += [f"services.{stage}.worker" for stage in ("preprocess", "inference", "postprocess")]


@pytest.mark.parametrize("module", CPU_MODULES)
def test_predicting_on_a_cpu_loads_neither_torch_nor_matplotlib(module: str) -> None:
    program = f"import sys, {module}; sys.exit(bool({{'torch', 'matplotlib'}} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_every_setting_is_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text()
    missing = [name for name in Settings.model_fields if f"`EMSTREAM_{name.upper()}`" not in table]
    assert not missing


def test_files_stay_readable() -> None:
    for path in [*modules(LIBRARY), *modules(SERVICES)]:
        assert len(path.read_text().splitlines()) <= 400, f"{path}: two nouns inside?"


def test_nothing_prints_outside_the_command_line() -> None:
    for path in [*modules(LIBRARY), *modules(SERVICES)]:
        if "cli" not in path.parts and path.name != "demo.py":
            assert not re.search(r"^\s*print\(", path.read_text(), re.MULTILINE), path
