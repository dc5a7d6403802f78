"""Signs of life: a file per worker, touched while it lives, gone when it ends."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from emstream.settings import Settings
from emstream.work import heartbeat
from emstream.work.heartbeat import beat_folder, beating, worker_name


def test_a_worker_is_called_by_its_setting_or_by_host_and_process() -> None:
    assert worker_name(Settings(worker_name="gpu-1")) == "gpu-1"
    assert worker_name(Settings()).endswith(f"-{os.getpid()}")


def test_the_sign_is_touched_again_and_again_and_goes_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.001)
    settings = Settings(data=tmp_path, worker_name="w1")
    sign = beat_folder(settings) / "inference.w1.alive"
    with beating(settings, "inference"):
        deadline = time.monotonic() + 10
        while not sign.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        os.utime(sign, (1, 1))
        while sign.stat().st_mtime == 1 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert sign.stat().st_mtime > 1
    assert not sign.exists()
