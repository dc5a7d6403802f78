"""Commands around the service that need none: keys, doctor, and what a bare installation can do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emstream_cli.main import app
from emstream_standalone import doctor as checks
from tests.places import ROOT

runner = CliRunner()


def test_keys_are_added_listed_and_removed(tmp_path: Path) -> None:
    data = ["--data", str(tmp_path)]
    made = json.loads(runner.invoke(app, ["keys", "add", "ana", "--scope", "read", "--json", *data]).stdout)
    assert made["secret"].startswith("ems_")
    [listed] = json.loads(runner.invoke(app, ["keys", "list", "--json", *data]).stdout)["keys"]
    assert (listed["owner"], listed["scopes"]) == ("ana", ["read"])
    assert "secret" not in listed
    removed = runner.invoke(app, ["keys", "remove", made["secret"][:10], *data])
    assert "removed the key" in removed.stdout
    assert "no keys" in runner.invoke(app, ["keys", "list", *data]).stdout


def test_the_doctor_prints_json_and_tells_by_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_DATA", str(tmp_path))
    monkeypatch.setenv("EMSTREAM_PORT", "0")
    monkeypatch.setattr(checks, "CHECKS", {"keys": checks._keys, "port": checks._port})
    healthy = runner.invoke(app, ["doctor", "--json"])
    assert healthy.exit_code == 0
    assert {check["state"] for check in json.loads(healthy.stdout)["checks"]} == {"ok"}
    monkeypatch.setenv("EMSTREAM_HOST", "0.0.0.0")
    ill = runner.invoke(app, ["doctor"])
    assert ill.exit_code == 4
    assert "missing  keys: 0 keys, bound to 0.0.0.0. To do: " in ill.stdout


BARE = """
import sys
absent = ("redis", "celery", "kombu", "fastapi", "uvicorn", "openvino", "torch")
for name in absent:
    sys.modules[name] = None
sys.argv = ["emstream", {command!r}]
from emstream_cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("status", 4, "start one with `emstream serve`"),
        ("serve", 4, "pip install 'emstream[serve]'"),
        ("--help", 0, ""),
    ],
)
def test_a_bare_installation_has_the_client(tmp_path: Path, command: str, code: int, sentence: str) -> None:
    environment = {"EMSTREAM_DATA": str(tmp_path), "PATH": "/bin", "PYTHONPATH": ":".join(sys.path)}
    program = [sys.executable, "-c", BARE.format(command=command)]
    told = subprocess.run(program, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert told.returncode == code, told.stderr
    assert sentence in told.stderr
