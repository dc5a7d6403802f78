"""One worker for each GPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.inference.__main__ import visible_gpus

ROOT = Path(__file__).parents[3]


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
        "import sys; from services.inference.__main__ import run_workers; "
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


WAIT = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"drained\\n"), sys.exit(0)))
os.write(1, os.environ["CUDA_VISIBLE_DEVICES"].encode() + b"\\n")
while True: signal.pause()
"""


def test_a_signal_reaches_every_worker() -> None:
    assert run(WAIT, stop=True) == (0, ["0", "1", "drained", "drained"])


DEAF = """
import os, time
os.write(1, os.environ["CUDA_VISIBLE_DEVICES"].encode() + b"\\n")
if os.environ["CUDA_VISIBLE_DEVICES"] == "1": os._exit(7)
time.sleep(60)
"""


def test_a_worker_that_the_signal_kills_does_not_hide_the_first_ones_code() -> None:
    code, lines = run(DEAF)
    assert code == 7
    assert "1" in lines


def test_a_worker_that_dies_ends_the_others() -> None:
    dies = WAIT.replace("while True", 'if os.environ["CUDA_VISIBLE_DEVICES"] == "1": os._exit(7)\nwhile True')
    code, lines = run(dies)
    assert code == 7
    assert "1" in lines  # the other one may have been ended before it could say so


def test_without_a_gpu_it_becomes_the_worker() -> None:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "EMSTREAM_REDIS_URL": "", "EMSTREAM_LEASE_S": "wrong"}
    told = subprocess.run(
        [sys.executable, "-m", "services.inference"], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert told.returncode != 0
    assert "EMSTREAM_LEASE_S" in told.stderr
