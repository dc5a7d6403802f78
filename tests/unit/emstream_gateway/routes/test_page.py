"""The page's files: whole, checked, and from here only."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess

import pytest

from emstream_gateway.routes.page import FILES, POLICY, WEB
from tests.places import ROOT

OWN = [path for path in sorted(WEB.rglob("*")) if path.is_file() and "vendor" not in path.parts]
MODULES = [path for path in OWN if path.suffix == ".js"]


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
    named = re.findall(r'(?:href|src)="/web/([^"]+)"', (WEB / "index.html").read_text())
    assert set(named) <= set(FILES)
    for path in MODULES:
        for name in re.findall(r'^import .* from "(\.[^"]+)";$', path.read_text(), re.MULTILINE):
            target = (path.parent / name).resolve().relative_to(WEB).as_posix()
            assert target in FILES, f"{path.name} imports {name}"


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


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: the page's functions are not checked")
def test_the_page_s_pure_functions() -> None:
    done = subprocess.run(
        ["node", "--test", ROOT / "tests" / "e2e" / "page.test.mjs"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
