"""Keys and sessions in a real browser: what an address, another site and another port can do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import expect
from tests.integration.gateway_house import KNOWN, TOKEN, House, make_house

pytestmark = pytest.mark.slow(reason="drives a browser")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path / "data") as made:
        yield made


@pytest.fixture
def context(browser: Browser, house: House) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=f"http://127.0.0.1:{house.port}")
    context.set_default_timeout(10_000)
    yield context
    context.close()


@contextmanager
def other_site(html: str) -> Iterator[int]:
    """Serve one page on another port; gives the port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def enter(context: BrowserContext, address: str) -> Page:
    """Open an address, and wait for the page of samples."""
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#samples")).to_be_visible()
    return page


def owner_of(page: Page) -> str:
    """Make a job in the page's session; return the job's owner."""
    script = """async () => {
        const headers = { "Content-Type": "application/json" };
        const answer = await fetch("/v1/jobs", { method: "POST", headers, body: JSON.stringify({ files: [] }) });
        return (await answer.json()).jobs[0].owner;
    }"""
    return str(page.evaluate(script))


def test_the_printed_address_signs_in_and_leaves_no_token(house: House, context: BrowserContext) -> None:
    page = enter(context, f"/#token={TOKEN}")
    assert owner_of(page) == "local"
    history = context.new_cdp_session(page).send("Page.getNavigationHistory")
    assert TOKEN not in str(history)
    assert TOKEN not in page.url
    assert page.evaluate("document.cookie") == ""
    assert TOKEN not in str(context.storage_state())
    (cookie,) = context.cookies()
    assert cookie["name"] == f"emstream_session_{house.port}"
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert TOKEN not in cookie["value"]


def test_an_address_as_older_versions_printed_it_works(house: House, context: BrowserContext) -> None:
    page = enter(context, f"/?token={TOKEN}")
    assert TOKEN not in page.url
    assert owner_of(page) == "local"


def test_a_link_keeps_its_view_through_sign_in(house: House, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/#/pipeline")
    page.get_by_label("Token or key").fill("guess")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#sign-in-note")).to_contain_text("not known here")
    page.get_by_label("Token or key").fill(TOKEN)
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.locator("#pipeline")).to_be_visible()
    page.get_by_test_id("sign-out").click()
    expect(page.locator("#enter")).to_be_visible()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_another_site_replaces_no_session(house: House, context: BrowserContext, host: str) -> None:
    page = enter(context, "/#token=ems_ann")
    target = f"http://127.0.0.1:{house.port}"
    html = f"""<img src="{target}/?token=ems_bob"><iframe src="{target}/#token=ems_bob"></iframe>
        <form id="form" action="{target}/session" method="post"><input name="key" value="ems_bob"></form>
        <a id="link" href="{target}/#token=ems_bob">x</a>"""
    with other_site(html) as port:
        for element, act in (("form", "e => e.submit()"), ("link", "e => e.click()")):
            foreign = context.new_page()
            foreign.goto(f"http://{host}:{port}/")
            foreign.wait_for_timeout(300)
            with foreign.expect_navigation(url=f"{target}/**"):
                foreign.locator(f"#{element}").evaluate(act)
            foreign.wait_for_timeout(500)
            assert "ems_bob" not in foreign.url
    assert owner_of(page) == "ann"


def test_another_site_signs_nobody_in(house: House, context: BrowserContext) -> None:
    with other_site(f'<a id="link" href="http://127.0.0.1:{house.port}/#token=ems_bob">x</a>') as port:
        page = context.new_page()
        page.goto(f"http://localhost:{port}/")
        page.locator("#link").click()
        expect(page.locator("#enter")).to_be_visible()
    assert context.cookies(f"http://127.0.0.1:{house.port}") == []


def test_services_on_two_ports_have_a_session_each(house: House, context: BrowserContext, tmp_path: Path) -> None:
    with make_house(tmp_path / "second") as second:
        page = enter(context, "/#token=ems_ann")
        other = enter(context, f"http://127.0.0.1:{second.port}/#token=ems_bob")
        assert (owner_of(page), owner_of(other)) == ("ann", "bob")
        stolen = {c["value"] for c in context.cookies()}
        assert not any(key in value for key in ("ems_ann", "ems_bob") for value in stolen)
        for value in stolen:  # neither service takes the session of the other
            names = {"Cookie": f"emstream_session_{second.port}={value}"}
            status = context.request.get(f"http://127.0.0.1:{second.port}/v1/jobs", headers=names).status
            assert status in (200, 401)


def test_a_removed_key_s_page_asks_for_another(
    house: House, context: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = enter(context, "/#token=ems_ann")
    monkeypatch.delitem(KNOWN, "ems_ann")
    page.reload()
    expect(page.locator("#enter")).to_be_visible()
