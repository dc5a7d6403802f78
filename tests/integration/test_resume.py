"""Killed at any moment and run again, a job goes on where it was; a full disk, freed, loses nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.conftest import noise_stack, write_pngs

pytestmark = pytest.mark.slow(reason="kills a run, and runs it again")


def command(source: Path, output: Path, checkpoint: Path) -> list[str]:
    base = [sys.executable, "-m", "emstream_cli", "predict", str(source), "-o", str(output)]
    return [*base, "--checkpoint", str(checkpoint), "--no-overlay", "--halo", "fast", "--quality", "fast"]


ENVIRONMENT = os.environ | {
    "EMSTREAM_PRECISION": "f32",
    "EMSTREAM_SLAB_SECTIONS": "4",
    "EMSTREAM_CORE_SIDE": "256",
}


def published(work: Path) -> dict[Path, int]:
    """Return the inode of each final file of a job."""
    return {path: path.stat().st_ino for path in work.glob("*/[0-9]*.h5")}


def kill_and_rerun(arguments: list[str], work: Path, how: signal.Signals, chance: random.Random) -> int:
    """Run until done, killing after random times; returns the kills. Published files must never be made again."""
    kills = 0
    known: dict[Path, int] = {}
    while True:
        process = subprocess.Popen(arguments, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            process.wait(2 + chance.random() * 2 if kills < 3 else 300)
        except subprocess.TimeoutExpired:
            process.send_signal(how)
            process.wait(60)
            kills += 1
        assert process.stderr is not None
        message = process.stderr.read().decode()
        process.stderr.close()
        now = published(work)
        for path, inode in known.items():
            assert now.get(path, inode) == inode, f"{path} was made twice"
        known |= now
        if process.returncode == 0:
            return kills
        expected = {-signal.SIGKILL, 130}
        assert process.returncode in expected, message
        if process.returncode == 130:
            assert "run the same command again" in message


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_run_again_gives_the_same_bytes(tmp_path: Path, checkpoint_3fm: Path, how: signal.Signals) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((12, 700, 700)))
    undisturbed, disturbed = tmp_path / "a", tmp_path / "b"
    subprocess.run(command(source, undisturbed, checkpoint_3fm), env=ENVIRONMENT, check=True, capture_output=True)
    arguments = [*command(source, disturbed, checkpoint_3fm), "--keep"]
    kills = kill_and_rerun(arguments, disturbed / ".emstream", how, random.Random(int(how)))
    assert kills >= 1
    for name in ("mask.h5", "labels.h5", "measurements/spots.csv", "measurements/spots.parquet"):
        assert (disturbed / name).read_bytes() == (undisturbed / name).read_bytes(), name
    assert list(disturbed.rglob("*.part")) == []


def test_a_full_disk_is_told_and_once_freed_the_run_goes_on(tmp_path: Path, checkpoint_1fm: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1800k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        source = write_pngs(tmp_path / "in", noise_stack((8, 400, 400)))
        arguments = command(source, disk / "out", checkpoint_1fm)
        full = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert full.returncode == 4, full.stderr
        assert "no space is left" in full.stderr
        assert "Traceback" not in full.stderr
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        subprocess.run(arguments, env=ENVIRONMENT, check=True, capture_output=True)
        subprocess.run(
            command(source, tmp_path / "a", checkpoint_1fm), env=ENVIRONMENT, check=True, capture_output=True
        )
        assert (disk / "out" / "mask.h5").read_bytes() == (tmp_path / "a" / "mask.h5").read_bytes()
    finally:
        for _ in range(20):
            if not subprocess.run(["umount", disk], capture_output=True).returncode:
                break
            time.sleep(0.1)
