"""Speed and memory of the gateway: large uploads compared with `cp`, and status for 100 clients while 20 upload.

Usage: `python -m tests.benchmarks.gateway [--gib 2] [--folder FOLDER]`; FOLDER is on a disk with enough room.

The gateway is a separate process with the ledger in memory, so that no other service is measured; clients are other
processes on the same machine, and share its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.integration.gateway_house import gateway_process, peak_memory_mb

KEY = {"X-API-Key": "ems_ann"}
JSON = {"Content-Type": "application/json"}
BLOCK = 1 << 20
"""Bytes in a MiB, and of a block that is sent at once."""
POLLERS, UPLOADERS = 100, 20
"""Numbers of clients that poll and that upload."""
POLL_EVERY_S = 1.0
"""Seconds between two polls of a client."""
UPLOAD_MIB = 64
"""Size of an upload while clients poll."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=2.0, help="size of the large upload")
    parser.add_argument("--folder", type=Path, default=None, help="folder for uploads; default: a temporary one")
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="gateway-bench-", dir=given.folder))
    try:
        source = scratch / "source.tif"
        mib = int(given.gib * 1024)
        with source.open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(BLOCK))
        uploads(scratch, source, mib)
        polling(scratch)
    finally:
        shutil.rmtree(scratch)


def uploads(scratch: Path, source: Path, mib: int) -> None:
    """Time cp, PUT and multipart of one file, in turn."""
    began = time.perf_counter()
    subprocess.run(["cp", str(source), str(scratch / "copy")], check=True)
    print(f"cp: {mib / (time.perf_counter() - began):.0f} MiB/s")
    (scratch / "copy").unlink()
    for way in (put, multipart):
        with gateway_process(scratch / way.__name__) as (port, process):
            idle = peak_memory_mb(process.pid)
            began = time.perf_counter()
            way(port, source)
            seconds = time.perf_counter() - began
            cpu = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().split()[13:15])) / 100
            peak = peak_memory_mb(process.pid)
            print(f"{way.__name__}: {mib / seconds:.0f} MiB/s, peak {peak:.0f} MB (idle {idle:.0f}), CPU {cpu:.1f} s")
        shutil.rmtree(scratch / way.__name__)


def new_job(port: int, name: str) -> str:
    """Create a job and return its id."""
    answer = httpx.post(f"http://127.0.0.1:{port}/v1/jobs", json={"files": [{"name": name}]}, headers=KEY)
    return str(answer.json()["jobs"][0]["id"])


def put(port: int, source: Path) -> None:
    """Send a file by PUT."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600, blocksize=BLOCK)
    with source.open("rb") as file:
        headers = {**KEY, "Content-Length": str(source.stat().st_size)}
        connection.request("PUT", f"/v1/jobs/{new_job(port, 'big.tif')}/files/big.tif", file, headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    connection.close()


def multipart(port: int, source: Path) -> None:
    """Send a file by multipart."""
    head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="big.tif"\r\n\r\n'
    tail = b"\r\n--b--\r\n"
    length = len(head) + source.stat().st_size + len(tail)

    def body() -> Iterator[bytes]:
        yield head
        with source.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
        yield tail

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    kind = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(length)}
    connection.request("POST", "/v1/jobs", body(), {**KEY, **kind})
    answer = connection.getresponse()
    assert answer.status == 202, answer.read()
    connection.close()


def polling(scratch: Path) -> None:
    """Poll status with 100 clients, each once a second, before and during uploads of 20 others."""
    with gateway_process(scratch / "polling") as (port, process), ProcessPoolExecutor(2) as pool:
        files = [("files", (f"s{n:03d}.png", b"x")) for n in range(100)]
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/jobs", files=files, headers=KEY)
        job = answer.json()["jobs"][0]["id"]
        alone = pool.submit(poll, port, job, 5.0).result()
        watching = pool.submit(poll, port, job, 15.0)
        rate = pool.submit(upload_many, port, 15.0)
        together = watching.result()
        print(f"uploading: {UPLOADERS} clients, {rate.result():.0f} MiB/s in all")
        for name, (times, errors) in (("alone", alone), ("while they upload", together)):
            cuts = statistics.quantiles(times, n=100)
            print(
                f"status, {POLLERS} clients {name}: {len(times)} answers, {errors} errors, "
                f"p50 {cuts[49] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms, worst {max(times) * 1e3:.0f} ms"
            )
        print(f"peak {peak_memory_mb(process.pid):.0f} MB")


def poll(port: int, job: str, seconds: float) -> tuple[list[float], int]:
    """Return the seconds of each answer and the number of errors. Bare sockets, since HTTP clients cost more."""

    request = f"GET /v1/jobs/{job} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ems_ann\r\n\r\n".encode()

    async def one(number: int, times: list[float]) -> int:
        errors = 0
        await asyncio.sleep(number / POLLERS * POLL_EVERY_S)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stop = time.perf_counter() + seconds
        while time.perf_counter() < stop:
            began = time.perf_counter()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
            errors += head.split()[1] != b"200"
            times.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, POLL_EVERY_S - times[-1]))
        writer.close()
        return errors

    async def all_clients() -> tuple[list[float], int]:
        times: list[float] = []
        errors = await asyncio.gather(*(one(n, times) for n in range(POLLERS)))
        return times, sum(errors)

    return asyncio.run(all_clients())


def upload_many(port: int, seconds: float) -> float:
    """Upload with 20 clients for some seconds; return MiB per second of all together."""
    block = os.urandom(BLOCK)
    began = time.perf_counter()

    def one(_: int) -> int:
        sent = 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.perf_counter() - began < seconds:
            connection.request("POST", "/v1/jobs", '{"files": [{"name": "part.tif"}]}', {**KEY, **JSON})
            job = json.loads(connection.getresponse().read())["jobs"][0]["id"]
            headers = {**KEY, "Content-Length": str(UPLOAD_MIB * BLOCK)}
            body = (block for _ in range(UPLOAD_MIB))
            connection.request("PUT", f"/v1/jobs/{job}/files/part.tif", body, headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
            connection.request("DELETE", f"/v1/jobs/{job}", headers=KEY)
            connection.getresponse().read()
            sent += UPLOAD_MIB
        connection.close()
        return sent

    with ThreadPoolExecutor(UPLOADERS) as threads:
        sent = sum(threads.map(one, range(UPLOADERS)))
    return sent / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
