"""Each service with its image's extras only, started as compose starts it, gives the masks of `emstream predict`.

Not in the default run, for it installs packages: EMSTREAM_TEST_IMAGES=FOLDER keeps the environments there.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import httpx
import pytest

from emstream.client.client import Client
from tests.e2e.images import SERVICES, Machine, has, install, running

FOLDER = os.environ.get("EMSTREAM_TEST_IMAGES", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="installs packages: set EMSTREAM_TEST_IMAGES to a folder for them")
PATIENCE_S = 120


@pytest.fixture(scope="module")
def environments() -> dict[str, Path]:
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    return install(Path(FOLDER).absolute())


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the image's user can reach."""
    path = Path(tempfile.mkdtemp(prefix="emstream-machine-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def machine(folder: Path, environments: dict[str, Path]) -> Iterator[Machine]:
    next_to_python = Path(sys.executable).parent / "docker-compose"
    compose = str(next_to_python) if next_to_python.exists() else shutil.which("docker-compose")
    if compose is None:
        pytest.skip("docker-compose is not installed: pip install '.[dev]'")
    with running(folder, environments, compose) as machine:
        yield machine


def wait_until(is_so: Callable[[], bool], machine: Machine) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        ended = {name: process.poll() for name, process in machine.processes.items() if process.poll() is not None}
        assert not ended, f"{ended}\n{machine.log()}"
        assert time.monotonic() < deadline, machine.log()
        time.sleep(0.1)


def voxels(path: Path) -> dict[str, bytes]:
    """Return the bytes of mask and probability; the files themselves also hold their provenance."""
    with h5py.File(path) as file:
        return {name: file[f"mitochondria/{name}"][()].tobytes() for name in ("mask", "probability")}


def answers(machine: Machine, path: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{machine.port}{path}", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_images_hold_what_they_need_and_no_more(environments: dict[str, Path]) -> None:
    heavy = ("torch", "openvino", "scipy", "fastapi")
    held = {extras: [module for module in heavy if has(place, module)] for extras, place in environments.items()}
    assert held == {"gateway": ["fastapi"], "worker": ["scipy"], "cpu": ["openvino", "scipy"]}


def test_the_composed_services_make_the_masks_of_predict(machine: Machine, folder: Path) -> None:
    machine.emstream("cpu", "phantom", str(machine.data / "phantom"), "--shape", "36,600,600")
    sections = machine.data / "phantom" / "images"
    key = machine.emstream("worker", "keys", "add", "me").strip()
    for service in SERVICES:
        machine.start(service)
    wait_until(lambda: answers(machine, "/readyz"), machine)
    assert machine.is_healthy()
    with Client(f"http://127.0.0.1:{machine.port}", key) as client:
        (job,) = client.submit(sections, {"quality": "fast"})
        assert client.wait(job.id, timeout_s=PATIENCE_S).state == "completed", machine.log()
        client.fetch(job.id, folder / "fetched")
    metrics = httpx.get(
        f"http://127.0.0.1:{machine.port}/metrics", headers={"Authorization": f"Bearer {key}"}, trust_env=False
    ).text
    assert 'emstream_jobs{state="completed"} 1.0' in metrics
    codes = machine.stop()
    assert set(codes.values()) == {0}, f"{codes}\n{machine.log()}"
    output = machine.data / "predicted"
    machine.emstream("cpu", "predict", str(sections), "-o", str(output), "--quality", "fast")
    assert voxels(folder / "fetched" / "mask.h5") == voxels(output / "mask.h5")
