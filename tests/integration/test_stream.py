"""The stream as a whole: what is uploaded comes back as `predict` makes it, whoever dies on the way."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from emstream.client.replies import Job
from emstream.errors import EmstreamError
from emstream.jobs.timeline import Timeline
from emstream.stages import Stage
from tests.integration.bad_inputs import BAD_INPUTS
from tests.integration.conftest import noise_stack, write_pngs
from tests.integration.service import Service, running
from tests.integration.two_hosts import BROKER_URL, Cable, broker_on_tcp, workers_there

pytestmark = pytest.mark.slow(reason="runs workers on a real broker, and kills them")

KILLS = int(os.environ.get("EMSTREAM_TEST_KILLS", "2"))
"""Kills per kind of process in the test of losses; the figures in the notes are with 12."""
SETTINGS = {"objects": ["spots"], "quality": "fast"}
SHAPE = (12, 520, 520)


@pytest.fixture(scope="module")
def environment(service_environment: dict[str, str]) -> dict[str, str]:
    return service_environment


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service") / "data", **environment) as service:
        yield service


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pngs(tmp_path_factory.mktemp("source") / "sample", noise_stack(SHAPE))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, source: Path, environment: dict[str, str]) -> NDArray[np.uint8]:
    """What the offline program makes of the source."""
    output = tmp_path_factory.mktemp("expected")
    command = [sys.executable, "-m", "emstream_cli", "predict", str(source), "-o", str(output), "--no-overlay"]
    subprocess.run(
        [*command, "--object", "spots", "--quality", "fast"],
        env=os.environ | environment,
        check=True,
        capture_output=True,
    )
    return read_mask(output / "mask.h5")


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Return probability and mask, stacked."""
    with h5py.File(path) as file:
        return np.stack([file["spots/probability"][()], file["spots/mask"][()]])


def fetched(service: Service, job: Job, folder: Path) -> NDArray[np.uint8]:
    service.client.fetch(job.id, folder, overwrite=True)
    return read_mask(folder / "mask.h5")


def inodes(service: Service, job: Job) -> dict[Path, int]:
    """Return the inode of each result and slab that is published."""
    folder = service.data / "jobs" / job.id
    return {path: path.stat().st_ino for kind in ("stack", "result") for path in (folder / kind).glob("[0-9]*.h5")}


def finished(service: Service, kind: str) -> int:
    """Return how many units workers of a kind have finished; of any kind for the broker."""
    found = [unit for path in service.data.glob("jobs/*/timeline.jsonl") for unit in Timeline(path).read()]
    return sum(kind in ("broker", unit.stage) for unit in found)


def longest_silence(service: Service) -> float:
    """Return the longest time in which no worker finished a unit, while there was a job."""
    found = [unit for path in service.data.glob("jobs/*/timeline.jsonl") for unit in Timeline(path).read()]
    stops = sorted(unit.stop for unit in found)
    return max(later - earlier for earlier, later in pairwise(stops))


def packages_of(service: Service, worker: str) -> set[str]:
    """Return the packages that a worker holds now, as the ledger names them."""
    client: Any = service.redis()
    holders: dict[bytes, bytes] = client.hgetall(f"emstream:ledger:holders:{Stage.INFERENCE}")
    client.close()
    return {package.decode() for package, holder in holders.items() if holder.decode() == worker}


def workers_of(service: Service, job: Job) -> list[str]:
    """Return which worker made each package of a job, none of them twice."""
    found = [unit for unit in Timeline(service.data / "jobs" / job.id / "timeline.jsonl").read() if unit.worker]
    assert len({unit.unit for unit in found}) == len(found)
    return [str(unit.worker) for unit in found]


def note(sentence: str) -> None:
    """Append a figure to the file that EMSTREAM_TEST_NOTES names."""
    if "EMSTREAM_TEST_NOTES" in os.environ:
        with open(os.environ["EMSTREAM_TEST_NOTES"], "a") as file:
            file.write(sentence + "\n")


def test_folder_tiff_and_hdf5_come_back_as_predict_makes_them(
    service: Service, source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    stack = noise_stack(SHAPE)
    tifffile.imwrite(tmp_path / "stack.tif", stack, photometric="minisblack")
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        file.create_dataset("raw", data=stack, chunks=(4, 64, 64), compression="gzip")
    jobs = service.client.submit([source, tmp_path / "stack.tif", tmp_path / "stack.h5"], SETTINGS)
    assert len(jobs) == 3
    for number, job in enumerate(jobs):
        done = service.client.wait(job.id, timeout_s=120)
        assert done.state == "completed", service.log()
        assert np.array_equal(fetched(service, done, tmp_path / str(number)), expected)


def test_exports_agree_with_the_mask(
    service: Service, source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    (job,) = service.client.submit(source, SETTINGS)
    service.client.wait(job.id, timeout_s=120)
    service.client.fetch(job.id, tmp_path, formats=("h5", "tiff", "png"))
    assert np.array_equal(tifffile.imread(tmp_path / "spots.tif"), expected[1])
    shutil.unpack_archive(tmp_path / "spots_png.zip", tmp_path / "png")
    sections = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "png").iterdir())]
    assert np.array_equal(np.stack(sections), expected[1])


def refusal(service: Service, source: Path) -> str:
    """Return the sentence with which an input is refused, at once or by its job; nothing is left of it."""
    try:
        (job,) = service.client.submit(source, SETTINGS)
    except EmstreamError as error:
        return str(error)
    done = service.client.wait(job.id, timeout_s=60)
    assert done.state == "failed"
    service.client.delete(job.id)
    assert not (service.data / "jobs" / job.id).exists()
    return done.errors[0].sentence


def test_bad_inputs_get_their_sentences_and_the_service_stays_up(
    service: Service, source: Path, tmp_path: Path
) -> None:
    for number, (make, phrase) in enumerate(BAD_INPUTS):
        folder = tmp_path / str(number)
        folder.mkdir()
        sentence = refusal(service, make(folder))
        assert phrase in sentence
        assert str(service.data) not in sentence
    (job,) = service.client.submit(source, SETTINGS)
    assert service.client.wait(job.id, timeout_s=60).state == "completed"


def test_samples_overlap_in_the_three_stages(service: Service, tmp_path: Path) -> None:
    """Postprocess works on sample k while the model predicts k+1 and preprocess reads k+2: the paper's figure 4."""
    sources = [write_pngs(tmp_path / f"sample{k}", noise_stack((12, 520, 520), seed=k)) for k in range(6)]
    jobs = service.client.submit(sources, SETTINGS)
    for job in jobs:
        assert service.client.wait(job.id, timeout_s=240).state == "completed"
    timeline = service.client.timeline([job.id for job in jobs])
    lanes = timeline["lanes"]
    assert isinstance(lanes, dict)
    order = {job.id: number for number, job in enumerate(jobs)}
    spans = {
        lane: [(order[unit["job"]], unit["start"], unit["stop"]) for unit in units] for lane, units in lanes.items()
    }
    moments = [
        max(post[1], infer[1], read[1]) < min(post[2], infer[2], read[2])
        for post in spans["postprocess"]
        for infer in spans["inference"]
        for read in spans["preprocess"]
        if post[0] + 1 == infer[0] == read[0] - 1
    ]
    assert any(moments)


def test_nothing_is_lost_whoever_is_killed(
    environment: dict[str, str], source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    """Kills come as fast as the service recovers: the next of a kind once that kind has finished a unit again.

    Faster ones would be what four attempts forbid: a unit whose every worker dies is taken for the cause.
    """
    chance = random.Random(KILLS)
    victims = ["preprocess", "inference", "postprocess", "broker"] * KILLS
    chance.shuffle(victims)
    with running(tmp_path / "data", **environment, EMSTREAM_LEASE_S="4") as service:
        jobs = service.client.submit([source] * 3, SETTINGS)
        known: dict[Path, int] = {}
        finished_before = dict.fromkeys(victims, 0)
        while victims or any(not service.client.job(job.id).is_over for job in jobs):
            count = finished(service, victims[-1]) if victims else 0
            if victims and count > finished_before[victims[-1]] and service.kill(victims[-1]) is not None:
                finished_before[victims.pop()] = count
            if victims and all(service.client.job(job.id).is_over for job in jobs):
                jobs += service.client.submit(source, SETTINGS)
            for job in jobs:
                now = inodes(service, job)
                changed = [path for path, inode in known.items() if now.get(path, inode) != inode]
                assert not changed, f"made twice: {changed}"
                known |= now
            time.sleep(0.5 + chance.random())
        for number, job in enumerate(jobs):
            done = service.client.job(job.id)
            assert done.state == "completed", service.log()
            assert np.array_equal(fetched(service, done, tmp_path / str(number)), expected)
            assert not list((service.data / "jobs" / job.id).rglob("*.part"))
        note(f"{4 * KILLS} kills, {len(jobs)} jobs: longest silence {longest_silence(service):.1f} s")


def test_a_drained_worker_and_a_frozen_one_that_comes_back_change_nothing(
    environment: dict[str, str], source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    with running(tmp_path / "data", **environment, EMSTREAM_LEASE_S="2") as service:
        (job,) = service.client.submit(source, SETTINGS)
        while not (held_first := packages_of(service, "inference-1")):
            time.sleep(0.01)
        service.kill("inference", signal.SIGTERM)
        asked = time.monotonic()
        while held_first & packages_of(service, "inference-1"):
            assert time.monotonic() < asked + 5
        while not service.leased(Stage.INFERENCE):  # the one that the supervisor started in its place
            time.sleep(0.02)
        pid = service.kill("inference", signal.SIGSTOP)
        assert pid is not None
        held = service.leased(Stage.INFERENCE)
        deadline = time.monotonic() + 30
        while set(held) & set(service.leased(Stage.INFERENCE)) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(pid, signal.SIGCONT)
        done = service.client.wait(job.id, timeout_s=120)
        assert done.state == "completed", service.log()
        assert np.array_equal(fetched(service, done, tmp_path / "out"), expected)


@pytest.mark.skipif("EMSTREAM_TEST_HOSTS" not in os.environ, reason="takes its time: set EMSTREAM_TEST_HOSTS=1")
def test_two_hosts_share_jobs_though_one_is_cut_off_and_its_workers_drained_and_killed(
    environment: dict[str, str], source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    """Here `emstream serve`, there two more inference workers: one queue, one folder, a broker with a password.

    Files that are published never change: no package is made twice into different ones.
    """
    try:
        cable = Cable()
    except PermissionError as error:
        pytest.skip(str(error))
    own = environment | {"EMSTREAM_REDIS_URL": BROKER_URL, "EMSTREAM_LEASE_S": "2"}
    with (
        closing(cable),
        broker_on_tcp(tmp_path / "broker"),
        running(tmp_path / "data", **own) as service,
        workers_there(cable, service.data, own, ("there-1", "there-2")) as there,
    ):
        jobs = service.client.submit([source] * 2, SETTINGS)
        known: dict[Path, int] = {}

        def seconds_until(is_so: Callable[[], object]) -> float:
            """Keep jobs going and files in view until something is so."""
            began = time.monotonic()
            while not is_so():
                assert time.monotonic() < began + 60, service.log()
                if all(service.client.job(job.id).is_over for job in jobs):
                    jobs.extend(service.client.submit(source, SETTINGS))
                now = {path: inode for job in jobs for path, inode in inodes(service, job).items()}
                assert not [path for path, inode in known.items() if now.get(path, inode) != inode]
                known.update(now)
            return time.monotonic() - began

        def after(strike: Callable[[], None], worker: str) -> float:
            """Strike while a worker holds packages; return how long until none of them is its own any more."""
            held: set[str] = set()
            while not held:  # it may complete them until the very moment
                cable.mend()
                seconds_until(lambda: packages_of(service, worker))
                strike()
                held = packages_of(service, worker)
            return seconds_until(lambda: not held & packages_of(service, worker))

        everybody = {"inference-1", "there-1", "there-2"}
        seconds_until(lambda: everybody <= {worker for job in jobs for worker in workers_of(service, job)})
        cut_off = after(cable.cut, "there-1")
        drained = after(there["there-1"].terminate, "there-1")
        killed = after(there["there-2"].kill, "there-2")
        assert drained < 5
        assert there["there-1"].wait(30) == 0
        note(f"packages elsewhere after {cut_off:.1f} s cut off, {drained:.1f} s drained, {killed:.1f} s killed")
        for number, job in enumerate(jobs):
            done = service.client.wait(job.id, timeout_s=120)
            assert done.state == "completed", service.log()
            assert np.array_equal(fetched(service, done, tmp_path / str(number)), expected)
            assert not list((service.data / "jobs" / job.id).rglob("*.part"))


def test_a_broker_that_lost_everything_is_filled_from_the_disk(
    environment: dict[str, str], source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    with running(tmp_path / "data", **environment, EMSTREAM_LEASE_S="2") as service:
        jobs = service.client.submit([source] * 2, SETTINGS)
        while not any((service.data / "jobs").glob("*/result/*.h5")):
            time.sleep(0.05)
        service.redis().flushall()
        for number, job in enumerate(jobs):
            done = service.client.wait(job.id, timeout_s=120)
            assert done.state == "completed", service.log()
            assert np.array_equal(fetched(service, done, tmp_path / str(number)), expected)


def test_a_poison_package_fails_alone_and_retry_finishes_it(
    environment: dict[str, str], source: Path, tmp_path: Path
) -> None:
    """Whoever takes the first package of the third slab is killed, until the ledger gives it up.

    Four variants make a package slow enough to be seen.
    """
    with running(tmp_path / "data", **environment, EMSTREAM_PACKAGE_TASKS="1") as service:
        (job,) = service.client.submit(source, SETTINGS | {"variants": 4})
        kills = 0
        while not service.client.job(job.id).is_over:
            try:
                if (job.id, 18) in service.leased(Stage.INFERENCE):
                    kills += service.kill("inference") is not None
                    time.sleep(0.3)
            except (ValueError, ConnectionError):
                continue
            time.sleep(0.01)
        done = service.client.job(job.id)
        assert kills >= 4
        assert done.state == "completed_with_errors", service.log()
        assert ["failed after 4 attempts" in error.sentence for error in done.errors] == [True]
        partial = fetched(service, done, tmp_path / "partial")
        service.client.retry(job.id)
        done = service.client.wait(job.id, timeout_s=120)
        assert done.state == "completed"
        whole = fetched(service, done, tmp_path / "whole")
        assert whole[:, 8:].any()
        assert np.array_equal(partial[:, :8], whole[:, :8])
        assert not partial[:, 8:].any()


def test_a_small_job_does_not_wait_for_a_large_one_and_cancelling_is_quick(service: Service, tmp_path: Path) -> None:
    large = write_pngs(tmp_path / "large", noise_stack((40, 1100, 1100)))
    small = write_pngs(tmp_path / "small", noise_stack((4, 520, 520), seed=1))
    (big,) = service.client.submit(large, SETTINGS)
    (little,) = service.client.submit(small, SETTINGS)
    while service.client.job(big.id).progress == 0:
        time.sleep(0.05)
    began = time.monotonic()
    service.client.cancel(big.id)
    assert service.client.job(big.id).state == "cancelled"
    assert time.monotonic() - began < 5
    assert service.client.wait(little.id, timeout_s=60).state == "completed"
    service.client.delete(big.id)
    assert not (service.data / "jobs" / big.id).exists()


def test_a_full_disk_is_waited_for(
    environment: dict[str, str], source: Path, expected: NDArray[np.uint8], tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        with running(disk / "data", **environment | {"EMSTREAM_MIN_FREE_GB": "0"}) as service:
            (job,) = service.client.submit(source, SETTINGS)
            deadline = time.monotonic() + 60
            while "disk full" not in service.log() and time.monotonic() < deadline:
                time.sleep(0.2)
            assert "disk full" in service.log()
            assert not service.client.job(job.id).is_over
            subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
            done = service.client.wait(job.id, timeout_s=90)
            assert done.state == "completed", service.log()
            assert np.array_equal(fetched(service, done, tmp_path / "out"), expected)
    finally:
        for _ in range(50):
            if not subprocess.run(["umount", disk], capture_output=True).returncode:
                break
            time.sleep(0.1)
