"""The page behind a proxy that takes a path prefix off: signed in there, a link keeps its view, and a file is saved."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import WAIT_MS, expect, section
from tests.integration.service import Service

pytestmark = pytest.mark.slow(reason="drives the page in a browser, against a whole service")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PREFIX = "/em"
HOP_BY_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Passes redirects on to the browser."""

    def redirect_request(self, *_: object) -> None:
        return None


@contextmanager
def proxied(url: str) -> Iterator[tuple[str, list[str]]]:
    """Run a proxy that shows a service under /em/; return its address and the paths asked for outside of the prefix."""
    outside: list[str] = []
    opener = urllib.request.build_opener(NoRedirects)

    class Handler(http.server.BaseHTTPRequestHandler):
        def _pass(self) -> None:
            if not self.path.startswith(f"{PREFIX}/"):
                outside.append(self.path)
                self.send_error(404)
                return
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size) if size else None
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            request = urllib.request.Request(url + self.path.removeprefix(PREFIX), body, headers, method=self.command)
            try:
                answer = opener.open(request, timeout=30)
            except urllib.error.HTTPError as error:
                answer = error
            content = b"" if "event-stream" in (answer.headers.get("content-type") or "") else answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815  # names of the library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}{PREFIX}/", outside
    server.shutdown()
    server.server_close()


def test_a_link_keeps_its_view_through_signing_in_under_a_prefix(browser: Browser, service: Service, job: str) -> None:
    entry = json.loads((service.data / "server.json").read_text())
    with proxied(entry["url"].rstrip("/")) as (base, outside):
        context = browser.new_context(accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{base}#/job/{job}?z=2&x=50&y=60&zoom=3&show=outline")
        page.locator("#token").fill(entry["token"])
        page.keyboard.press("Enter")
        expect(section(page)).to_have_attribute("data-ready", "1")
        page.wait_for_function("() => location.hash.includes('o.mitochondria')")
        assert f"{base}#/job/{job}?z=2&x=50&y=60&zoom=3&show=outline" in page.url
        page.keyboard.press("s")
        with page.expect_download(timeout=60_000) as caught:
            page.get_by_test_id("export").click()
        assert caught.value.suggested_filename.startswith("cortex_")
        assert outside == []
        context.close()
