"""Attacks on a gateway of this machine, with figures.

Usage: `python -m tests.benchmarks.attack [NAME ...]`; without names all of them.

sizes: multipart uploads of 60 to 1100 KiB, and the number that is refused.
silent: 300 connections that say nothing for 30 s, against a gateway with 256 files; the answers that others get
    meanwhile, and the log.
guesses: unknown keys over 40 connections for 15 s; the number that is looked at, and the wait of a known key.

All traffic goes to 127.0.0.1, and every loop has an end.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.integration.gateway_house import gateway_process

KEY = {"Authorization": "Bearer ems_ann"}


@contextmanager
def gateway() -> Iterator[tuple[Path, httpx.Client, int]]:
    """Run a gateway; give its data folder, a client of it, and its process."""
    with (
        tempfile.TemporaryDirectory() as data,
        gateway_process(Path(data)) as (port, process),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=60) as client,
    ):
        yield Path(data), client, process.pid


def sizes() -> None:
    """Send multipart uploads of sizes around those of the buffers on their way."""
    edges = [(1 << power) + more for power in (16, 17, 18, 19, 20) for more in (-200, -1, 0, 1)]
    tried = [size << 10 for size in (60, 64, 65, 70, 90, 100, 126, 127, 128, 200, 1100)] + edges
    with gateway() as (_, client, _process):
        answers = [
            client.post("/v1/jobs", files=[("files", ("1.png", bytes(size), "image/png"))]).status_code
            for size in tried
            for _ in range(3)
        ]
    print(f"sizes: {len(answers)} uploads, {sum(status != 202 for status in answers)} refused")


def silent() -> None:
    """Open 300 silent connections again and again, and ask for /healthz meanwhile."""
    waits: list[float] = []
    with tempfile.TemporaryDirectory() as data, ExitStack() as stack:
        log = Path(data) / "log"
        port, process = stack.enter_context(gateway_process(Path(data), 256, log))
        address, stop = ("127.0.0.1", port), time.monotonic() + 30
        held = [stack.enter_context(socket.create_connection(address)) for _ in range(300)]
        while time.monotonic() < stop:
            held.append(stack.enter_context(socket.create_connection(address)))
            began = time.monotonic()
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=20).raise_for_status()
            waits.append(time.monotonic() - began)
            time.sleep(0.1)
        size, files = log.stat().st_size, len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
    print(
        f"silent: {len(held)} connections, {len(waits)} answers in between, the slowest after {max(waits):.3f} s; "
        f"{files} files open, {size} bytes of log"
    )


def guesses() -> None:
    """Send unknown keys over 40 connections for 15 s, a known one in between."""
    statuses: list[int] = []
    waits, stop = [0.0], time.monotonic() + 15

    def guess(client: httpx.Client, worker: int) -> None:
        while time.monotonic() < stop:
            secret = {"Authorization": f"Bearer guess-{worker}-{time.monotonic()}"}
            statuses.append(client.get("/v1/jobs", headers=secret).status_code)

    with gateway() as (_, client, _process), ThreadPoolExecutor(40) as pool:
        client.get("/v1/jobs")
        for worker in range(40):
            pool.submit(guess, client, worker)
        with httpx.Client(base_url=client.base_url, headers=KEY, timeout=60) as known:
            while time.monotonic() < stop:
                began = time.monotonic()
                known.get("/v1/jobs").raise_for_status()
                waits.append(time.monotonic() - began)
                time.sleep(0.2)
    seen, refused = statuses.count(401), statuses.count(429)
    print(f"guesses: {seen} keys looked at in 15 s, {refused} refused; a known key waits {max(waits):.3f} s at most")


ATTACKS: dict[str, Callable[[], None]] = {"sizes": sizes, "silent": silent, "guesses": guesses}


def main() -> None:
    """Run the attacks that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*ATTACKS, []], metavar="NAME")
    for name in parser.parse_args().names or ATTACKS:
        ATTACKS[name]()


if __name__ == "__main__":
    main()
