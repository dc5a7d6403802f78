"""Host names and origins that pass, and others that are refused."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from emstream.api.problems import ForeignHost
from emstream.errors import AccessDenied
from emstream.settings import Settings
from emstream_gateway.http.middleware import check_host, check_origin, known_hosts, without_body
from tests.coroutines import awaited

KNOWN = known_hosts(Settings(allowed_hosts="em.example.org, lab", host="10.1.2.3"))


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "LAB", "em.example.org", "10.1.2.3:1"])
def test_our_own_names_pass(host: str) -> None:
    check_host(host, KNOWN)


@pytest.mark.parametrize("host", ["evil.example", "", "localhost.evil.example", "[::2]", "[", "em.example.org.evil"])
def test_other_names_are_refused(host: str) -> None:
    with pytest.raises(ForeignHost, match="EMSTREAM_ALLOWED_HOSTS"):
        check_host(host, KNOWN)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
    ],
)
def test_pages_of_others_may_not_write(headers: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        check_origin(Headers({"host": "localhost:8080", **headers}))


@pytest.mark.parametrize("headers", [{}, {"origin": "http://localhost:8080"}, {"sec-fetch-site": "same-origin"}])
def test_our_own_page_and_programs_may_write(headers: dict[str, str]) -> None:
    check_origin(Headers({"host": "localhost:8080", **headers}))


def test_a_head_has_the_headers_of_a_get_and_no_body() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer() -> None:
        head = without_body(send)
        await head({"type": "http.response.start", "status": 200, "headers": [(b"etag", b"x")]})
        for part in (b"abc", b"def"):
            await head({"type": "http.response.body", "body": part, "more_body": True})

    awaited(answer())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["headers"], sent[1]["body"], sent[1]["more_body"]) == ([(b"etag", b"x")], b"", False)
