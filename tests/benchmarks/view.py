"""Latencies, rates and memory of the gateway while tiles of a large result are requested.

Usage: `python -m tests.benchmarks.view FOLDER [Z,Y,X]`.

A phantom's result (default 8,10000,16000: 3 GB) is written to FOLDER unless it has one. The gateway is a separate
process; the client is this one, with six connections like a browser. Rates are given per second of the clock, and per
CPU second of the gateway, which is valid on a busy machine, too.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from emstream.phantom.finished_job import write_result
from emstream.phantom.sections import Phantom
from tests.integration.gateway_house import gateway_process, peak_memory_mb

CONNECTIONS = 6
"""Connections of a browser to one server."""
TILES = 300
"""Tiles of a measured rate."""
VIEWPORT = (700, 800)
"""Size of one of the two panels of the page in pixels (x, y)."""
Address = str


def main() -> None:
    """Start the gateway, request tiles, and print the figures."""
    folder = prepared_result(__doc__)
    with gateway_process(folder) as (port, process), ThreadPoolExecutor(CONNECTIONS) as pool:
        headers = {"Authorization": "Bearer ems_ann"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            look(client, pool, process.pid)
            say(f"peak memory of the gateway: {peak_memory_mb(process.pid):.0f} MB")


def prepared_result(description: str | None) -> Path:
    """Return the folder of the command line; a result is written into it if it has none."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    parser.add_argument("shape", nargs="?", default="8,10000,16000", help="Z,Y,X of a new result")
    given = parser.parse_args()
    folder: Path = given.folder
    depth, height, width = (int(n) for n in given.shape.split(","))
    if not list(folder.glob("jobs/*/job.json")):
        write_result(Phantom((depth, height, width)), folder / "jobs", owner="ann")
    return folder


def look(client: httpx.Client, pool: ThreadPoolExecutor, pid: int) -> None:
    """Open the view, step through sections, zoom in, and request random tiles."""
    say(f"memory of the gateway before: {peak_memory_mb(pid):.0f} MB")
    began = time.monotonic()
    [job] = client.get("/v1/jobs", params={"limit": 1}).json()["jobs"]
    base = f"/v1/jobs/{job['id']}"
    view = client.get(f"{base}/view").json()
    say(f"list of jobs and view: {1000 * (time.monotonic() - began):.0f} ms")
    depth, height, width = view["shape_zyx"]
    overview = next(n for n in range(view["levels"]) if width >> n <= 2 * VIEWPORT[0])
    v, name = view["version"], view["objects"][0]["name"]

    def address(layer: str, z: int, level: int, x: int, y: int) -> Address:
        return f"{base}/tiles/{layer}/{z}/{level}/{x}_{y}.{'jpg' if layer == 'raw' else 'png'}?v={v}"

    def screen(z: int, level: int, x: int = 0, y: int = 0) -> list[Address]:
        """Return the tiles of both layers that fill a panel from tile (x, y) on."""
        columns = range(x, min(x + 2 + VIEWPORT[0] // 512, tiles_across(width, level)))
        rows = range(y, min(y + 2 + VIEWPORT[1] // 512, tiles_across(height, level)))
        return [address(layer, z, level, i, j) for layer in ("raw", name) for i in columns for j in rows]

    def get(path: Address) -> float:
        start = time.monotonic()
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - start

    def timed(what: str, paths: Sequence[Address]) -> None:
        start = time.monotonic()
        list(pool.map(get, paths))
        say(f"{what}: {1000 * (time.monotonic() - start):.0f} ms for {len(paths)} tiles")

    say(f"first tile: {1000 * get(address('raw', 0, view['levels'] - 1, 0, 0)):.0f} ms")
    timed("first view", screen(0, overview))
    for z in range(1, min(depth, 4)):
        timed(f"step to section {z}", screen(z, overview))
    timed("zoomed in", screen(1, 0, 10, 10))
    timed("step, zoomed in", screen(2, 0, 10, 10))
    choose = random.Random(0)

    def anywhere(layer: str, level: int) -> Address:
        y, x = choose.randrange(tiles_across(height, level)), choose.randrange(tiles_across(width, level))
        return address(layer, choose.randrange(depth), level, x, y)

    for layer, level in (("raw", 0), (name, 0), (f"{name}.spread", 0), (f"{name}.labels", 0), (f"{name}.labels", 3)):
        rate(f"{layer}, level {level}", [anywhere(layer, level) for _ in range(TILES)], pool, get, pid)


def tiles_across(side: int, level: int) -> int:
    """Return the number of tiles along a section's side at a level."""
    pixels = -(-side // (1 << level))
    return -(-pixels // 512)


def rate(
    what: str, paths: Sequence[Address], pool: ThreadPoolExecutor, get: Callable[[Address], float], pid: int
) -> None:
    """Request all tiles and print rate and latency."""
    worked, start = cpu_seconds(pid), time.monotonic()
    times = list(pool.map(get, paths))
    elapsed, worked = time.monotonic() - start, cpu_seconds(pid) - worked
    by_clock, by_work, middle = len(paths) / elapsed, len(paths) / worked, 1000 * statistics.median(times)
    say(f"{what}: {by_clock:.0f} tiles/s, {by_work:.0f} per second of work, median {middle:.0f} ms")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
