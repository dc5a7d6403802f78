"""Behaviour of the service under many jobs at once.

Usage: `python -m tests.benchmarks.load [--jobs 200] [--clients 20] [--limit 6] [--large Z,Y,X]`.

Each client has its own key, sends its share of small jobs as fast as the service accepts them, and waits for all; the
first client sends a large job before. A key may have `--limit` unfinished jobs, so that clients get status 429 and send
later. The wait of a job is the time from its creation to the end of its last unit; of a job refused at first, from its
acceptance.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from emstream.api_keys import KeyFile
from emstream.client.client import Client
from emstream.client.replies import Job
from tests.benchmarks.scaling import write_noise
from tests.benchmarks.stream import units
from tests.integration.service import Service, running

SETTINGS = {"quality": "fast", "voxel_size_nm": [50, 5.5, 5.5]}
CUT = {"EMSTREAM_SLAB_SECTIONS": "4", "EMSTREAM_CORE_SIDE": "256"}
PATIENCE_S = 3600.0
"""Seconds for which a client keeps trying."""


class CountingTransport(httpx.HTTPTransport):
    """Counts answers by status, and keeps the seconds of the slowest one."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: Counter[int] = Counter()
        self.slowest_s = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Forward a request and time its answer."""
        began = time.monotonic()
        answer = super().handle_request(request)
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.statuses[answer.status_code] += 1
        return answer


@dataclass(frozen=True, slots=True)
class Seen:
    """Finished jobs of a client, and its answers."""

    small: list[Job]
    large: list[Job]
    transport: CountingTransport


def load(service: Service, folder: Path, jobs: int, clients: int) -> list[Seen]:
    """Let all clients send and wait at the same time; return the jobs and answers of each."""
    keys, at_once = KeyFile(service.data / "keys.json"), threading.Barrier(clients)
    own = [keys.add(f"client{number}") for number in range(clients)]

    def one(number: int) -> Seen:
        transport = CountingTransport()
        share = len(range(number, jobs, clients))
        with Client(service.client.url, own[number], patience_s=PATIENCE_S, transport=transport) as client:
            at_once.wait()
            large = client.submit(folder / "large.tif", SETTINGS) if number == 0 else []
            small = [job for _ in range(share) for job in client.submit(folder / "small.tif", SETTINGS)]
            return Seen([client.wait(j.id) for j in small], [client.wait(j.id) for j in large], transport)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(clients)))


def wait_of(service: Service, job: Job) -> float:
    """Return the seconds from a job's creation to the end of its last unit."""
    return max(unit.stop for unit in units(service, job)) - job.created


def main() -> None:
    """Run the clients and print waits and answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200, help="small jobs of all clients")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--limit", type=int, default=6, help="unfinished jobs of one key")
    parser.add_argument("--large", default="4,2048,2048", help="shape of the large job, Z,Y,X")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_noise(folder / "small.tif", (1, 256, 256))
        depth, height, width = (int(part) for part in arguments.large.split(","))
        write_noise(folder / "large.tif", (depth, height, width))
        with running(folder / "data", **CUT, EMSTREAM_MAX_RUNNING_JOBS=str(arguments.limit)) as service:
            began = time.monotonic()
            seen = load(service, folder, arguments.jobs, arguments.clients)
            seconds = time.monotonic() - began
        waits = sorted(wait_of(service, job) for one in seen for job in one.small)
        large = [wait_of(service, job) for one in seen for job in one.large]
    states = Counter(job.state for one in seen for job in one.small + one.large)
    answers = sum((one.transport.statuses for one in seen), Counter[int]())
    slowest_s = max(one.transport.slowest_s for one in seen)
    print(f"{len(waits)} small jobs and a large one of {arguments.clients} clients in {seconds:.1f} s: {dict(states)}")
    print(f"wait of the small ones: median {statistics.median(waits):.1f} s, ", end="")
    print(f"p95 {waits[int(0.95 * len(waits))]:.1f} s, longest {waits[-1]:.1f} s; of the large one {large[0]:.1f} s")
    print(f"answers by status {dict(sorted(answers.items()))}; slowest answer {slowest_s:.2f} s")


if __name__ == "__main__":
    main()
