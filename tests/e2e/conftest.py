"""A real browser and a real service. An error on the browser's console fails the test."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emstream.phantom.sections import Phantom, write_sections
from tests.integration.service import Service, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
WINDOW = {"width": 1280, "height": 720}
SHAPE = (5, 300, 400)
WAIT_MS = 20_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with api.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    cut = {"EMSTREAM_SLAB_SECTIONS": "4", "EMSTREAM_MIN_FREE_GB": "0.001"}
    cut["EMSTREAM_INPUT_ROOTS"] = str(tmp_path_factory.getbasetemp())
    with running(tmp_path_factory.mktemp("e2e") / "data", **cut) as service:
        yield service


@pytest.fixture(scope="session")
def sections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five sections of a phantom in a folder `cortex`, named so that only natural order is right."""
    folder = tmp_path_factory.mktemp("sections")
    write_sections(Phantom(SHAPE), folder, instances=False)
    (folder / "cortex").mkdir()
    for number, path in enumerate(sorted((folder / "images").iterdir()), 7):
        path.rename(folder / "cortex" / f"s{number}.png")
    return folder / "cortex"


@contextmanager
def opened_page(
    browser: Browser, service: Service, address: str = "/", forgiven: str = "none", **look: object
) -> Iterator[Page]:
    """Open an address of the page with the service's token; fail if the page logs an error.

    forgiven: text of errors that the browser itself logs for a refusal that the test provokes.
    """
    entry = json.loads((service.data / "server.json").read_text())
    context = browser.new_context(base_url=entry["url"], viewport=WINDOW, accept_downloads=True, **look)  # type: ignore[arg-type]  # playwright's many options
    assert context.request.post("/session", data={"key": entry["token"]}).status == 204
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    errors: list[str] = []
    page.on(
        "console",
        lambda message: errors.append(f"{message.text} {message.location}") if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    yield page
    context.close()
    assert [error for error in errors if forgiven not in error] == []


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The list of samples."""
    with opened_page(browser, service) as page:
        yield page


def expect(locator: Locator) -> Any:
    from playwright.sync_api import expect

    return expect(locator, "")


def section(page: Page) -> Locator:
    return page.get_by_test_id("view-status")


@pytest.fixture(scope="session")
def job(browser: Browser, service: Service, sections: Path) -> str:
    """A job made through the page, as a person does it, with checks on the way."""
    with opened_page(browser, service) as page:
        expect(page.get_by_text("None yet.")).to_be_visible()
        page.get_by_test_id("folder-input").set_input_files(sections)
        draft = page.get_by_test_id("draft")
        expect(draft.get_by_test_id("shape")).to_contain_text("5 sections of 400 × 300 pixels")
        expect(draft.get_by_test_id("order")).to_contain_text("s7.png → s11.png")
        for axis, edge in (("x", "5"), ("z", "50")):
            draft.get_by_test_id(f"voxel-{axis}").fill(edge)
        expect(draft.get_by_test_id("voxel-y")).to_have_value("5")
        page.get_by_label("Fast").check()
        page.get_by_test_id("predict").click()
        row = page.get_by_test_id("job")
        expect(row).to_have_attribute("data-state", re.compile("queued|running|completed"))
        expect(row.get_by_test_id("state")).to_contain_text("completed", timeout=60_000)
        expect(draft).to_have_count(0)
        found = row.get_attribute("data-job")
        assert found
        (kept,) = service.client.jobs()
        assert (kept.id, kept.name, kept.state) == (found, "cortex", "completed")
        return found


@pytest.fixture
def view(browser: Browser, service: Service, job: str) -> Iterator[Page]:
    """The viewer, once its first section is shown."""
    with opened_page(browser, service, f"/#/job/{job}") as page:
        expect(section(page)).to_have_attribute("data-ready", "0")
        yield page
