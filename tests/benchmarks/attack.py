"""Attacks on a gateway of this machine, with figures.

Usage: `python -m tests.benchmarks.attack [NAME ...]`; without names all of them.

sizes: multipart uploads of 60 to 1100 KiB, and the number that is refused.
silent: 300 connections that say nothing for 30 s, against a gateway with 256 files; the answers that others get
    meanwhile, and the log.
guesses: unknown keys over 40 connections for 15 s; the number that is looked at, and the wait of a known key.
links: 1000 reads of a folder that is exchanged for a link meanwhile; the reads that gave what is outside.
finished: a start on 5000 finished jobs; the seconds until it answers, of /metrics and of the first upload.
decoding: files of a few KiB to 2 MiB that claim much; the greatest memory that reading one takes, and the seconds.

All traffic goes to 127.0.0.1, and every loop has an end.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import h5py
import httpx
import numpy as np
from PIL import Image

from emstream.api.jobs import JobSettings
from emstream.errors import EmstreamError
from emstream.jobs.record import JobRecord
from emstream.readers.confined import confine
from emstream.readers.open_stack import open_stack
from emstream_gateway.storage.job_store import UploadHeader
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


def links() -> None:
    """Exchange a folder for a link out of the allowed one, while its sections are read 1000 times."""
    with tempfile.TemporaryDirectory() as place:
        for name, grey in (("in", 10), ("out", 200)):
            (Path(place) / name / "cells").mkdir(parents=True)
            Image.new("L", (8, 8), grey).save(Path(place) / name / "cells" / "s1.png")
        here, out = Path(place) / "in" / "cells", Path(place) / "out" / "cells"
        free = _read_while_exchanged(here, out)
        confine([Path(place) / "in"])
        confined = _read_while_exchanged(here, out)
        confine(None)
    print(f"links: of 1000 reads {confined} were of the outside (without confinement: {free})")


def _read_while_exchanged(here: Path, out: Path) -> int:
    """Return the reads, of 1000, that gave the section of the outside."""
    outside = tried = 0
    stop = threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            here.rename(here.with_name("away"))
            here.symlink_to(out)
            time.sleep(0.0005)
            here.unlink()
            here.with_name("away").rename(here)
            time.sleep(0.0005)

    thread = threading.Thread(target=exchange)
    thread.start()
    while tried < 1000:
        tried += 1
        with suppress(EmstreamError, OSError), open_stack(here) as stack:
            outside += int(stack.sample(0)[0, 0]) == 200
    stop.set()
    thread.join()
    return outside


def finished() -> None:
    """Start on 5000 finished jobs, and time the start, /metrics and the first upload."""
    with tempfile.TemporaryDirectory() as data:
        for number in range(5000):
            _leave_job(Path(data), f"{number:032x}")
        began = time.monotonic()
        with gateway_process(Path(data)) as (port, _):
            started = time.monotonic() - began
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=KEY, timeout=60) as client:
                first, again = (_seconds_of(lambda: client.get("/metrics")) for _ in range(2))
                files = [("files", ("1.png", b"1", "image/png"))]
                post = _seconds_of(lambda: client.post("/v1/jobs", files=files))
    print(f"finished: 5000 jobs, start {started:.2f} s, /metrics {first:.2f} s, then {again:.2f} s, POST {post:.2f} s")


def _seconds_of(ask: Callable[[], httpx.Response]) -> float:
    began = time.monotonic()
    ask().raise_for_status()
    return time.monotonic() - began


def _leave_job(data: Path, job: str) -> None:
    """Write what a finished job leaves: its record, its report, and two small files."""
    folder = data / "jobs" / job
    settings = JobSettings()
    header = UploadHeader(id=job, owner="ann", name="rat", created=1.0, settings=settings)
    request = settings.request("input", 32, 1024)
    record = JobRecord(id=job, owner="ann", name="rat", created=1.0, request=request)
    for room in ("input", "exports"):
        (folder / room).mkdir(parents=True)
        (folder / room / "mask.h5").write_bytes(b"1")
    (folder / "upload.json").write_text(header.model_dump_json())
    (folder / "job.json").write_text(record.model_dump_json())
    (folder / "report.json").write_text('{"errors": []}')


READ = """
import sys
from pathlib import Path
from emstream.errors import EmstreamError
from emstream.readers.open_stack import open_stack
try:
    with open_stack(Path(sys.argv[1])) as stack:
        stack.sample(0)
        print("read", end=" ")
except EmstreamError:
    print("refused", end=" ")
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""


def claims(folder: Path) -> Iterator[Path]:
    """Write small files that take much memory to decode: just within the budget of 0.7 GB, and far beyond it."""
    for side, mode in ((15_000, "L"), (30_000, "L"), (8_000, "RGB"), (20_000, "RGB")):
        for suffix in ("jpg", "png"):
            path = folder / f"{mode}{side}.{suffix}"
            Image.new(mode, (side, side)).save(path)
            yield path
    for side in (400, 1200):
        path = folder / f"{side}.h5"
        with h5py.File(path, "w") as file:
            options = {"chunks": (side,) * 3, "compression": "gzip"}
            file.create_dataset("raw", (side,) * 3, np.uint8, **options)[0, 0, 0] = 1
        yield path
    path = folder / "chunk.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("raw", (4, 1024, 1024), np.uint8, chunks=(1, 1024, 1024), compression="gzip")
        inflating = zlib.compressobj(9)
        parts = [inflating.compress(bytes(2**24)) for _ in range(90)]
        dataset.id.write_direct_chunk((0, 0, 0), b"".join(parts) + inflating.flush())
    yield path


def decoding() -> None:
    """Read each file in a process of its own."""
    peaks, longest = [0], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for path in claims(Path(folder)):
            began = time.monotonic()
            found = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
            longest = max(longest, time.monotonic() - began)
            answer, kib = found.stdout.split()
            peaks.append(int(kib) * 1024)
            print(f"  {path.name}, {path.stat().st_size / 2**20:.1f} MiB: {answer}, {peaks[-1] / 1e9:.2f} GB")
    print(f"decoding: at most {max(peaks) / 1e9:.2f} GB, {longest:.1f} s")


ATTACKS: dict[str, Callable[[], None]] = {
    "sizes": sizes,
    "silent": silent,
    "guesses": guesses,
    "links": links,
    "finished": finished,
    "decoding": decoding,
}


def main() -> None:
    """Run the attacks that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*ATTACKS, []], metavar="NAME")
    for name in parser.parse_args().names or ATTACKS:
        ATTACKS[name]()


if __name__ == "__main__":
    main()
