"""The checks of `emstream doctor`."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from emstream.settings import Settings
from emstream_standalone import doctor as checks
from emstream_standalone.doctor import Check, run_checks


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
    assert (check.state, check.found) == ("warning", "could not be checked (RuntimeError: odd machine)")


def test_a_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 250_000}[name])
    seen = checks._machine(Settings())
    assert seen.state == "warning"
    assert "1 GB of memory" in seen.found
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2_500_000}[name])
    assert (checks._machine(Settings()).state, checks._machine(Settings()).advice) == ("ok", "")


@pytest.mark.parametrize(("free_gb", "state"), [(1000.0, "ok"), (20.0, "warning"), (1.0, "missing")])
def test_the_disk_has_room_little_room_or_none(
    free_gb: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = free_gb * 1e9

    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage)
    seen = checks._disk(Settings(data=tmp_path / "new", min_free_gb=5))
    assert seen.state == state
    assert f"{free_gb:.1f} GB free in {tmp_path / 'new'} (made at the first start)" in seen.found


def test_packages_of_the_service_are_named_when_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_version", lambda name: None if name == "celery" else "1.0")
    seen = checks._service_packages(Settings())
    assert (seen.state, seen.found, seen.is_needed) == ("missing", "without celery", True)
    monkeypatch.setattr(checks, "_version", lambda name: "1.0")
    assert checks._service_packages(Settings()).found.startswith("redis 1.0, celery 1.0")


def test_a_taken_port_is_a_warning_unless_it_is_ours(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(data=tmp_path, host="127.0.0.1", port=taken.getsockname()[1])
        assert checks._port(settings).state == "warning"
        server = {"url": "http://127.0.0.1:80", "token": "secret", "pid": os.getpid()}
        (tmp_path / "server.json").write_text(json.dumps(server))
        assert checks._port(settings).found == "`emstream serve` runs at http://127.0.0.1:80"
    assert checks._port(Settings(port=0)).found == "any free one"


def test_a_version_that_is_not_installed_is_none() -> None:
    assert checks._version("no-such-package") is None
    assert checks._version("numpy")
