"""Seconds until a large result is drawn in a browser, and memory of the gateway.

Usage: `python -m tests.benchmarks.page FOLDER [Z,Y,X]`.

A phantom's result (default 8,10000,16000: 3 GB) is written to FOLDER unless it has one. Chromium, the gateway and this
program share the machine. The time of a view or section ends when all tiles of both panels are drawn.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.view import prepared_result
from tests.e2e.conftest import CHROMIUM, WAIT_MS, WINDOW
from tests.integration.gateway_house import gateway_process, peak_memory_mb

VIEWS = 5
"""Number of times that the result is opened."""


def main() -> None:
    """Open the view several times, step through its sections, and print times."""
    folder = prepared_result(__doc__)
    [record] = folder.glob("jobs/*/job.json")
    job, depth = record.parent.name, json.loads(record.read_text())["plan"]["shape_zyx"][0]
    with gateway_process(folder) as (port, process), sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        first, steps = [], []
        for _ in range(VIEWS):
            context = browser.new_context(
                base_url=f"http://127.0.0.1:{port}",
                viewport=WINDOW,  # type: ignore[arg-type]  # a dict with the right keys
                extra_http_headers={"Authorization": "Bearer ems_ann"},
            )
            page = context.new_page()
            began = time.monotonic()
            page.goto(f"/#/job/{job}")
            first.append(drawn(page, 0) - began)
            for z in range(1, depth):
                began = time.monotonic()
                page.keyboard.press("PageDown")
                steps.append(drawn(page, z) - began)
            context.close()
        browser.close()
        report("first view", first)
        report("next section", steps)
        sys.stdout.write(f"peak memory of the gateway: {peak_memory_mb(process.pid):.0f} MB\n")


def drawn(page: Page, z: int) -> float:
    """Return the time at which section z is drawn in both panels."""
    page.wait_for_selector(f'[data-testid="view-status"][data-ready="{z}"]', timeout=WAIT_MS, state="attached")
    return time.monotonic()


def report(what: str, seconds: list[float]) -> None:
    """Print minimum, maximum and median."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    sys.stdout.write(f"{what}: {low:.2f} to {high:.2f} s, median {middle:.2f} s, of {len(seconds)}\n")


if __name__ == "__main__":
    main()
