"""The commands around the service that need none: keys, doctor, and what a bare installation can do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emstream.settings import Settings
from emstream_cli.main import app
from emstream_standalone import doctor as checks
from emstream_standalone.doctor import Check, run_checks
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


def found(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in run_checks(settings)}


def test_the_doctor_names_what_is_missing_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = Settings(
        data=tmp_path / "data",
        host="0.0.0.0",
        port=0,
        min_free_gb=1e9,
        models=tmp_path / "none",
        redis_url="redis://:secret@127.0.0.1:1/0",
    )
    seen = found(settings)
    for name in ("broker", "disk", "keys", "models"):
        assert (seen[name].state, seen[name].is_needed) == ("missing", True), seen[name]
    assert "secret" not in seen["broker"].found
    assert "emstream keys add" in seen["keys"].advice
    assert "EMSTREAM_MIN_FREE_GB" in seen["disk"].advice
    assert "CPU engine" in seen["GPU"].found
    assert not (tmp_path / "data").exists()


def test_a_graphics_card_without_its_driver_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed' >&2\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert checks._gpu(Settings()).state == "warning"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 570.1'\n")
    assert checks._gpu(Settings()).found == "NVIDIA H200, 143771 MiB, 570.1"


def test_the_doctor_never_falls_ill(monkeypatch: pytest.MonkeyPatch) -> None:
    def ill(settings: Settings) -> Check:
        raise RuntimeError("odd machine")

    monkeypatch.setitem(checks.CHECKS, "machine", ill)
    check = checks._safely("machine", ill, Settings())
    assert (check.state, check.found) == ("warning", "could not be looked at (RuntimeError: odd machine)")


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
