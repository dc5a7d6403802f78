"""Time per package for sections of several sizes, and peak memory for stacks of several depths.

Usage: `python -m tests.benchmarks.scaling [Z,Y,X ...] [--option OPTION]`.

A section of one package has no halo around it and smaller windows, so compare the time per window pixel there. By
default each stack has 128 windows or more, so that the first ones, which fill the caches, hardly count, and each size
is measured twice, in both orders, so that changes in the machine's speed are visible.

The stacks are uncompressed TIFFs of noise, so that reading takes little time and no window is flat. Compare figures of
one run only with each other: machines are shared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

SHAPES = ("128,1024,1024", "32,2048,2048", "9,4096,4096")
"""Stacks that are measured by default, Z,Y,X."""


def write_noise(path: Path, shape: tuple[int, int, int]) -> None:
    """Write a TIFF stack of smooth noise, page by page."""
    random = np.random.default_rng(0)
    tile = random.normal(128, 40, (512, 512)).clip(0, 255).astype(np.uint8)
    plane = np.tile(tile, (-(-shape[1] // 512), -(-shape[2] // 512)))[: shape[1], : shape[2]]
    pages = (np.roll(plane, 7 * z, axis=1) for z in range(shape[0]))
    tifffile.imwrite(path, _pages(pages), shape=shape, dtype=np.uint8, photometric="minisblack", bigtiff=True)


def _pages(pages: object) -> NDArray[np.uint8]:
    return pages  # type: ignore[return-value]  # tifffile takes an iterator of pages


def measure(path: Path, folder: Path, options: list[str]) -> tuple[dict[str, object], float]:
    """Run `emstream predict` in a separate process; return its report and its peak resident memory in MB."""
    command = [
        sys.executable,
        "-m",
        "emstream_cli",
        "predict",
        str(path),
        "-o",
        str(folder),
        "--quality",
        "fast",
        "--json",
    ]
    process = subprocess.Popen([*command, "--no-overlay", *options], stdout=subprocess.PIPE)
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return report, usage.ru_maxrss / 1024


def main() -> None:
    """Print one line per stack."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=(*SHAPES, *reversed(SHAPES)), help="Z,Y,X ...")
    parser.add_argument("--option", action="append", default=[], help="option for `emstream predict`")
    arguments = parser.parse_args()
    heads = f"{'shape':>18} {'packages':>9} {'s/package':>10} {'us/pixel':>9} {'total s':>8}"
    print(f"{heads} {'peak MB':>8} {'engine idle':>12}")
    for text in arguments.shapes:
        depth, height, width = (int(part) for part in text.split(","))
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "noise.tif"
            write_noise(path, (depth, height, width))
            report, peak = measure(path, Path(scratch) / "out", arguments.option)
        timings = report["timings"]
        assert isinstance(timings, dict)
        packages = -(-depth // 32) * -(-height // 1024) * -(-width // 1024)
        each = float(timings["engine_busy_s"]) / packages
        pixels = float(timings["window_pixels"])
        per_pixel = 1e6 * float(timings["engine_busy_s"]) / pixels if pixels else 0.0
        row = f"{text:>18} {packages:9} {each:10.3f} {per_pixel:9.4f} {timings['total_s']:8.1f} {peak:8.0f}"
        print(f"{row} {100 * timings['engine_idle_share']:11.2f}%", flush=True)


if __name__ == "__main__":
    main()
