"""One worker for each GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emstream_inference.__main__ import visible_gpus
from tests.places import ROOT


def test_each_device_file_is_a_gpu(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert visible_gpus(tmp_path) == ["0", "1"]  # CUDA counts those it sees


@pytest.mark.parametrize(("visible", "expected"), [("", []), ("2", ["2"]), ("1, 5", ["1", "5"])])
def test_what_cuda_may_see_decides(visible: str, expected: list[str], tmp_path: Path) -> None:
    assert visible_gpus(tmp_path, visible) == expected


def run(worker: str, *, stop: bool = False) -> tuple[int, list[str]]:
    """Run two workers made of a program's text; return the exit code and the lines they printed."""
    program = (
        "import sys; from emstream_inference.__main__ import run_workers; "
        f"sys.exit(run_workers(['0', '1'], (sys.executable, '-c', {worker!r})))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(2)]
    if stop:
        process.send_signal(signal.SIGTERM)
    rest = process.stdout.read().split()
    process.stdout.close()
    return process.wait(30), sorted(lines) + sorted(rest)


SPEAK = 'os.write(1, os.environ["CUDA_VISIBLE_DEVICES"].encode() + b"\\n")\n'
DRAIN = (
    "import os, signal, sys, time\n"
    'signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"drained\\n"), sys.exit(0)))\n'
)
STAY = "\nwhile True: signal.pause()"


def test_a_signal_reaches_every_worker() -> None:
    assert run(DRAIN + SPEAK + STAY, stop=True) == (0, ["0", "1", "drained", "drained"])


DIES = """
if os.environ["CUDA_VISIBLE_DEVICES"] == "0":
    open({flag!r}, "w").close()
else:
    while not os.path.exists({flag!r}): time.sleep(0.01)
    os._exit(7)
"""
"""The second worker dies once the first has spoken."""


def test_a_worker_that_dies_ends_the_others(tmp_path: Path) -> None:
    dies = DIES.format(flag=str(tmp_path / "spoke"))
    assert run(DRAIN + SPEAK + dies + STAY) == (7, ["0", "1", "drained"])


def test_a_worker_that_the_signal_kills_does_not_hide_the_first_ones_code(tmp_path: Path) -> None:
    dies = DIES.format(flag=str(tmp_path / "spoke"))
    assert run("import os, time\n" + SPEAK + dies + "\ntime.sleep(60)") == (7, ["0", "1"])


def test_without_a_gpu_it_becomes_the_worker() -> None:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "EMSTREAM_REDIS_URL": "", "EMSTREAM_LEASE_S": "wrong"}
    told = subprocess.run(
        [sys.executable, "-m", "emstream_inference"], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert told.returncode != 0
    assert "EMSTREAM_LEASE_S" in told.stderr
