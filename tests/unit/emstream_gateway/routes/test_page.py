"""The page's files: complete, checked, from this server only, and each in its room."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from emstream_gateway.routes.page import FILES, POLICY, WEB, page_file, read_files
from emstream_gateway.routes.service import all_formats
from tests.places import ROOT

OWN = [path for path in sorted(WEB.rglob("*")) if path.is_file() and "vendor" not in path.parts]
MODULES = [path for path in OWN if path.suffix == ".js"]
ROOMS = {"kit": set(), "predict": {"kit"}, "jobs": {"kit"}, "viewer": {"kit"}, "results": {"kit", "viewer"}}
"""Rooms that a room may import from besides itself. results shows the job of the viewer; main.js imports every room."""
IMPORT = re.compile(r'^(?:import|export) .*from "(\.[^"]+)";$|^import "(\.[^"]+)";$', re.MULTILINE)
TYPE_IMPORT = re.compile(r'import\("(\.[^"]+)"\)')


def imported(path: Path, pattern: re.Pattern[str] = IMPORT) -> Iterator[Path]:
    """Yield the modules that a module imports; with TYPE_IMPORT the ones whose types its comments name."""
    for match in pattern.finditer(path.read_text()):
        yield (path.parent / next(filter(None, match.groups()))).resolve()


def room(path: Path) -> str:
    """Return the folder of a module within the page; empty for main.js."""
    return path.relative_to(WEB).parent.as_posix().removeprefix(".")


def test_the_vendored_viewer_is_the_one_that_was_checked() -> None:
    folder = WEB / "vendor" / "openseadragon"
    lines = [line.split() for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = {name: digest for digest, name in lines}
    assert set(sums) == {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_nothing_of_the_page_comes_from_elsewhere() -> None:
    for path in OWN:
        text = re.sub(r"^\s*(//|/\*).*$|http://www\.w3\.org/2000/svg", "", path.read_text(), flags=re.MULTILINE)
        assert not re.search(r"https?:|[\"'(]//", text), path.name


def test_every_file_that_the_page_names_is_served() -> None:
    named = re.findall(r'(?:href|src)="web/([^"]+)"', (WEB / "index.html").read_text())
    assert set(named) <= set(FILES)
    for path in MODULES:
        for target in imported(path):
            assert target.relative_to(WEB).as_posix() in FILES, f"{path.name} imports {target}"


def test_every_style_sheet_is_linked() -> None:
    sheets = {path.relative_to(WEB).as_posix() for path in OWN if path.suffix == ".css"}
    assert sheets == set(re.findall(r'rel="stylesheet" href="web/([^"]+)"', (WEB / "index.html").read_text()))


def test_every_module_is_in_a_room_and_every_room_has_modules() -> None:
    assert {room(path) for path in MODULES} == {*ROOMS, ""}
    assert [path.name for path in MODULES if not room(path)] == ["main.js"]


@pytest.mark.parametrize("pattern", [IMPORT, TYPE_IMPORT], ids=["modules", "types"])
def test_a_room_imports_itself_and_the_rooms_below_it(pattern: re.Pattern[str]) -> None:
    above = {
        (path.name, target.name)
        for path in MODULES
        if room(path)
        for target in imported(path, pattern)
        if room(target) not in {room(path), *ROOMS[room(path)]}
    }
    assert above == set()


def test_imports_make_no_circle() -> None:
    TopologicalSorter({path: set(imported(path)) for path in MODULES}).prepare()


def test_every_id_that_a_module_looks_for_is_in_the_page() -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', (WEB / "index.html").read_text()))
    made = {name for path in MODULES for name in re.findall(r'\bid: "([^"]+)"', path.read_text())}
    for path in MODULES:
        assert set(re.findall(r'\bfind\("([^"]+)"\)', path.read_text())) <= ids | made, path.name


def test_modules_are_small_and_checked() -> None:
    for path in MODULES:
        text = path.read_text()
        assert text.startswith("// @ts-check\n/**"), f"{path.name} begins without its purpose"
        assert len(text.splitlines()) <= 350, f"{path.name}: two nouns inside?"


def test_the_policy_lets_no_inline_script_run() -> None:
    assert "unsafe" not in POLICY
    page = (WEB / "index.html").read_text()
    assert not re.search(r"<script>|\son\w+=|\sstyle=", page)


def test_only_files_of_known_types_are_read_each_with_its_tag(tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    for name, text in (("kit/a.js", "a"), ("b.css", "b"), ("SHA256SUMS", "c"), ("LICENSE.txt", "d")):
        (tmp_path / name).write_text(text)
    found = read_files(tmp_path)
    assert {name: (file.content, file.media_type) for name, file in found.items()} == {
        "kit/a.js": (b"a", "text/javascript"),
        "b.css": (b"b", "text/css"),
    }
    assert found["b.css"].tag == f'"{hashlib.sha256(b"b").hexdigest()[:32]}"'


def test_a_browser_that_has_a_file_gets_no_second_copy() -> None:
    first = page_file("main.js", None)
    assert (first.status_code, first.body) == (200, (WEB / "main.js").read_bytes())
    assert first.headers["content-security-policy"] == POLICY
    again = page_file("main.js", first.headers["etag"])
    assert (again.status_code, again.body) == (304, b"")
    assert page_file("main.js", '"an older one"').status_code == 200


@pytest.mark.parametrize("name", ["../app.py", "vendor/openseadragon/SHA256SUMS", "main.js/", ""])
def test_no_other_file_is_served(name: str) -> None:
    assert page_file(name, None).status_code == 404


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: the page's functions are not checked")
def test_the_page_s_pure_functions() -> None:
    command = ["node", "--test", str(ROOT / "tests" / "e2e" / "page.test.mjs")]
    environment = os.environ | {"EMSTREAM_TEST_FORMATS": all_formats().model_dump_json()}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
