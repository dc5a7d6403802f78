"""A gateway for tests, in a thread or as a process of its own; and jobs as workers would leave them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from fastapi import FastAPI

from emstream.api_keys import hash_of
from emstream.errors import EmstreamError
from emstream.jobs.folder import JobFolder
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import JobShape, Limits
from emstream.settings import Settings
from emstream.stages import Stage
from emstream.work.loop import Make, Unit
from emstream_gateway.app import make_app
from emstream_gateway.server import make_server
from tests.places import ROOT
from tests.plans import make_plan

TOKEN = "token-of-this-start"


@dataclass(frozen=True)
class KnownKey:
    owner: str
    scopes: Collection[str]


KNOWN = {
    "ems_ann": KnownKey("ann", ("read", "write")),
    "ems_ann_reads": KnownKey("ann", ("read",)),
    "ems_bob": KnownKey("bob", ("read", "write")),
}


class KnownKeys:
    """Keys of two owners, one of whom also has a key that may only read."""

    def check(self, secret: str) -> KnownKey | None:
        return KNOWN.get(secret)

    def find(self, is_it: Callable[[str], bool]) -> KnownKey | None:
        return next((key for secret, key in KNOWN.items() if is_it(hash_of(secret))), None)


@dataclass
class RecordingSender:
    sent: list[Hint] = field(default_factory=list)

    def send(self, hints: Iterable[Hint]) -> None:
        self.sent += hints


@dataclass
class House:
    """A gateway in this process. client: with the key of ann."""

    data: Path
    app: FastAPI
    client: httpx.Client
    port: int
    ledger: MemoryLedger
    sender: RecordingSender

    def folder(self, job: str) -> JobFolder:
        return JobFolder(self.data / "jobs" / job)

    def left(self) -> list[str]:
        """Whatever lies in the folder of jobs."""
        return sorted(path.name for path in (self.data / "jobs").iterdir() if not path.name.startswith(".deleted"))

    def as_owner(self, secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}

    def upload(self, files: dict[str, bytes], **fields: str) -> httpx.Response:
        parts = [("files", (name, content, "application/octet-stream")) for name, content in files.items()]
        return self.client.post("/v1/jobs", files=parts, data=fields)

    def one_job(self, **fields: str) -> str:
        answer = self.upload({"s1.png": b"1", "s2.png": b"2"}, **fields)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["jobs"][0]["id"])


@contextmanager
def make_house(data: Path, **settings: object) -> Iterator[House]:
    """Serve on a free port from a thread; ann asks."""
    made = Settings.model_validate({"data": data, "min_free_gb": 0.0, **settings})
    ledger, sender = MemoryLedger(Limits(window=10_000)), RecordingSender()
    app = make_app(made, ledger, sender, KnownKeys(), TOKEN)
    server = make_server(app, "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        headers = {"Authorization": "Bearer ems_ann"}
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
                client.get("/healthz")  # answered once the start is over, left-overs cleared and all
                yield House(data, app, client, port, ledger, sender)
        finally:
            server.stop()
            thread.join()


def plan_job(house: House, job: str, slabs: int = 2) -> None:
    """Do what a preprocess worker does: write the plan, and complete the unit."""
    folder = house.folder(job)
    record = folder.read()
    assert record is not None
    plan = make_plan((slabs, 64, 64), 1, warnings=("The voxel size is unusual.",))
    folder.write(record.model_copy(update={"plan": plan}))
    work(house.ledger, job, Stage.PLAN, JobShape(slabs, 1))


def work(ledger: MemoryLedger, job: str, stage: Stage, shape: JobShape | None = None, fails: str = "") -> None:
    """Do one unit of a stage, or fail it."""
    ledger.dispatch(stage, time.time())
    for unit in range(10):
        hint = Hint(stage, job, unit)
        lease = ledger.claim(hint, time.time())
        if lease.token:
            if fails:
                ledger.fail(hint, lease.token, fails)
            else:
                ledger.complete(hint, lease.token, shape)
            return
    raise AssertionError(f"no unit of {stage} could be claimed")


def let_a_worker_do(house: House, make: Make) -> None:
    """Make the units that were handed out, as a worker does, but in this thread."""
    while house.sender.sent:
        hint = house.sender.sent.pop(0)
        lease, folder = house.ledger.claim(hint, time.time()), house.folder(hint.job)
        record = folder.read()
        if not lease.token or record is None:
            continue
        try:
            made = make(Unit(hint, folder, record, lambda: None))
            house.ledger.complete(hint, lease.token, made.shape)
        except EmstreamError as error:
            house.ledger.fail(hint, lease.token, str(error))


def finish_job(house: House, job: str, errors: list[dict[str, object]] | None = None) -> None:
    """Do what a postprocess worker does last."""
    folder = house.folder(job)
    folder.exports.mkdir(exist_ok=True)
    (folder.exports / "mask.h5").write_bytes(b"0123456789")
    (folder.exports / "overlay.png").write_bytes(b"\x89PNG")
    folder.report_path.write_text(json.dumps({"errors": errors or []}))


PROGRAM = """
import resource
import sys
from pathlib import Path
from tests.integration.gateway_house import KnownKeys, RecordingSender
from emstream.ledger.in_memory import MemoryLedger
from emstream.logs import configure
from emstream.settings import Settings
from emstream_gateway.app import make_app
from emstream_gateway.server import keep_freed_memory, make_server
configure("WARNING", "text")
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), int(sys.argv[3])))
keep_freed_memory()
app = make_app(Settings(data=Path(sys.argv[1]), min_free_gb=0), MemoryLedger(), RecordingSender(), KnownKeys(), "")
make_server(app, "127.0.0.1", int(sys.argv[2])).run()
"""


@contextmanager
def gateway_process(
    data: Path, files: int = 0, log: Path | None = None
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a gateway as a process of its own; gives its port and the process.

    files: the number that it may open; 0 = as this process. log: takes its standard error.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}{os.pathsep}{ROOT}"}
    program = [sys.executable, "-c", PROGRAM, str(data), str(port), str(files)]
    with log.open("wb") if log else nullcontext() as errors:
        process = subprocess.Popen(program, env=environment, stderr=errors)
    try:
        wait_until_it_answers(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait(20)


def wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "the gateway ended"
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the gateway does not answer")


def peak_memory_mb(process: int) -> float:
    """Return the largest resident memory that a process had (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")
