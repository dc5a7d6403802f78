"""New pictures of the page for the manual.

Usage: `python -m tests.benchmarks.pictures docs/pictures`.

A phantom goes through the real service; the viewer is shown in dark colours, the table of objects in light ones.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from emstream.phantom.sections import Phantom, write_sections
from tests.e2e.conftest import CHROMIUM, opened_page
from tests.integration.service import Service, running

SHAPE = (6, 800, 1000)
NAME = "cortex layer 2"
SECTION = 4
QUALITY = 88


def main() -> None:
    """Write page-viewer.jpg and page-objects.jpg into the given folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as scratch, running(Path(scratch) / "data") as service:
        write_sections(Phantom(SHAPE), Path(scratch), instances=False)
        sample = (Path(scratch) / "images").rename(Path(scratch) / NAME)
        settings = {"voxel_size_nm": [50, 5.5, 5.5], "quality": "balanced", "spread": True}
        job = service.client.wait(service.client.submit(sample, settings)[0].id)
        with sync_playwright() as tool:
            browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            take(browser, service, job.id, "dark", folder / "page-viewer.jpg")
            take(browser, service, job.id, "light", folder / "page-objects.jpg")
            browser.close()


def take(browser: Browser, service: Service, job: str, colours: str, final: Path) -> None:
    """Open the job and take a picture; in light colours of the table, with the third largest object selected."""
    with opened_page(browser, service, f"/#/job/{job}", color_scheme=colours) as page:
        ready(page, 0)
        for z in range(1, SECTION):
            page.keyboard.press("PageDown")
            ready(page, z)
        page.keyboard.press("+")
        if colours == "light":
            page.get_by_role("tab", name="Objects").click()
            page.locator("#modes").get_by_text("Objects").click()
            page.get_by_role("button", name="volume").click()
            page.wait_for_timeout(500)  # the order changes
            page.get_by_test_id("objects").locator("tbody tr").nth(2).click()
        page.wait_for_timeout(1500)  # tiles and the box around the object fade in
        page.screenshot(path=final, type="jpeg", quality=QUALITY)


def ready(page: Page, z: int) -> None:
    """Wait until section z is drawn in both panels."""
    page.wait_for_selector(f'[data-testid="view-status"][data-ready="{z}"]', state="attached")


if __name__ == "__main__":
    main()
