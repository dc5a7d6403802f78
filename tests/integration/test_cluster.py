"""The Slurm script of workers as it is, with stand-ins for Slurm's commands; its second node is another network."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import h5py
import pytest

from emstream.jobs.timeline import Timeline
from tests.integration.conftest import noise_stack, write_pngs
from tests.integration.two_hosts import FIRST, Cable
from tests.places import ROOT

pytestmark = pytest.mark.skipif("EMSTREAM_TEST_HOSTS" not in os.environ, reason="takes its time: EMSTREAM_TEST_HOSTS=1")
SCRIPT = ROOT / "services" / "deploy" / "hpc" / "workers.sbatch"
CHOICE = ("--object", "spots", "--quality", "fast")
HOSTNAME = f"#!/bin/bash\necho {FIRST}\n"
SRUN = """#!/bin/bash
# Starts one task here and one on the other node, and passes SIGTERM on, as srun does.
echo "$@" >"$CALLS"
while [[ $1 == --* ]]; do shift; done
EMSTREAM_WORKER_NAME=node-1 "$@" & first=$!
EMSTREAM_WORKER_NAME=node-2 $THERE "$@" & second=$!
trap 'kill -TERM $first $second' TERM
wait; wait
"""


@pytest.fixture
def slurm(tmp_path: Path, service_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """What the script's environment is on the first of two nodes."""
    try:
        cable = Cable()
    except PermissionError as error:
        pytest.skip(str(error))
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("hostname", HOSTNAME)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    own = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NUM_NODES": "2", "SLURM_GPUS_ON_NODE": "1"}
    own |= {"SLURM_CPUS_PER_TASK": "8", "THERE": shlex.join(cable.there()), "CALLS": str(tmp_path / "calls")}
    own |= {"PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with closing(cable):
        yield os.environ | service_environment | own | {"EMSTREAM_DATA": str(tmp_path / "data")}


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    for number in range(3):
        write_pngs(tmp_path / "samples" / f"sample{number}", noise_stack((12, 520, 520), seed=number))
    return tmp_path / "samples"


def voxels(path: Path) -> bytes:
    with h5py.File(path) as file:
        return b"".join(file[f"spots/{layer}"][()].tobytes() for layer in ("probability", "mask"))


def test_workers_on_two_nodes_make_the_masks_of_predict(slurm: dict[str, str], samples: Path, tmp_path: Path) -> None:
    told = subprocess.run([SCRIPT, samples, *CHOICE], env=slurm, capture_output=True, text=True, timeout=300)
    assert told.returncode == 0, told.stdout + told.stderr
    words = (tmp_path / "calls").read_text().split()
    assert {"--ntasks=2", "--ntasks-per-node=1", "--gpus-per-task=1", "--cpus-per-task=4"} <= set(words)
    data = tmp_path / "data"
    found = [unit for path in data.glob("jobs/*/timeline.jsonl") for unit in Timeline(path).read() if unit.worker]
    assert {unit.worker for unit in found} == {"node-1", "node-2"}
    for sample in sorted(samples.iterdir()):
        output = tmp_path / "predicted" / sample.name
        command = [
            sys.executable,
            "-m",
            "emstream_cli",
            "predict",
            str(sample),
            "-o",
            str(output),
            *CHOICE,
            "--no-overlay",
        ]
        subprocess.run(command, env=slurm, check=True, capture_output=True)
        (made,) = (data / "results").glob(f"{sample.name}-*/mask.h5")
        assert voxels(made) == voxels(output / "mask.h5")


def test_the_time_limits_signal_ends_all_with_the_work_handed_back(
    slurm: dict[str, str], samples: Path, tmp_path: Path
) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SCRIPT, samples, *CHOICE], env=slurm, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while not any(data.glob("jobs/*/probability/*.h5")):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM, log.read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what a script that failed has left
    assert not list(data.glob("run/*.alive")), "a worker was killed"
