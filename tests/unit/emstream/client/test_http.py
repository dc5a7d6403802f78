"""Requests: repeated where that is safe, with the key, and without a proxy on this machine."""

from __future__ import annotations

import httpx
import pytest

from emstream.client.address import Address
from emstream.client.http import Connection
from emstream.errors import JobNotFound, ServiceUnavailable, TooMuch
from tests.pauses import note_pauses

Made = tuple[Connection, list[httpx.Request]]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return note_pauses(monkeypatch)


def connection(*answers: httpx.Response | Exception, key: str = "", patience_s: float = 2.0) -> Made:
    seen: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return Connection(Address("http://service:1", key), patience_s, httpx.MockTransport(answer)), seen


def test_a_key_goes_with_every_request() -> None:
    wire, seen = connection(httpx.Response(200, json={}), key="ems_1")
    wire.ask("GET", "/v1/jobs", params={"limit": 3}, headers={"X": "y"})
    assert str(seen[0].url) == "http://service:1/v1/jobs?limit=3"
    assert (seen[0].headers["Authorization"], seen[0].headers["X"]) == ("Bearer ems_1", "y")
    assert seen[0].headers["User-Agent"].startswith("emstream/")
    wire, seen = connection(httpx.Response(200, json={}))
    wire.ask("GET", "/")
    assert "Authorization" not in seen[0].headers
    wire.close()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_service_that_is_away_for_now_is_asked_again(status: int, no_pauses: list[float]) -> None:
    wire, seen = connection(httpx.Response(status, headers={"Retry-After": "1"}), httpx.Response(200, json={}))
    assert wire.ask("GET", "/").status_code == 200
    assert (len(seen), no_pauses) == (2, [1.0])


def test_a_service_that_stays_away_ends_as_its_refusal() -> None:
    problem = httpx.Response(429, json={"code": "too_many_jobs", "detail": "wait for some"})
    wire, seen = connection(problem)
    with pytest.raises(TooMuch, match="wait for some"):
        wire.ask("POST", "/v1/jobs")
    assert len(seen) > 2


def test_a_refusal_is_not_repeated() -> None:
    wire, seen = connection(httpx.Response(404, json={"code": "not_found", "detail": "no such job"}))
    with pytest.raises(JobNotFound, match="no such job"):
        wire.ask("GET", "/")
    assert len(seen) == 1


def test_a_request_that_may_have_arrived_is_repeated_only_where_that_is_safe() -> None:
    wire, seen = connection(httpx.ReadError("lost"), httpx.Response(200, json={}))
    with pytest.raises(ServiceUnavailable, match=r"http://service:1 does not answer \(ReadError: lost\)"):
        wire.ask("DELETE", "/", is_repeatable=False)
    assert len(seen) == 1
    wire, seen = connection(httpx.ConnectError("refused"), httpx.Response(200, json={}))
    assert wire.ask("DELETE", "/", is_repeatable=False).status_code == 200
    wire, seen = connection(httpx.ReadError("lost"), httpx.Response(200, json={}))
    assert wire.ask("GET", "/").status_code == 200


def test_bytes_are_sent_once_at_their_offset() -> None:
    wire, seen = connection(httpx.Response(200, json={}))
    wire.put("/file", 3, 4, iter([b"fo", b"ur"]))
    assert (seen[0].url.params["offset"], seen[0].headers["Content-Length"]) == ("3", "4")
    wire, seen = connection(httpx.WriteError("lost"))
    with pytest.raises(httpx.WriteError):
        wire.put("/file", 0, 1, iter([b"x"]))


def test_the_body_of_a_streamed_refusal_is_read() -> None:
    wire, _ = connection(httpx.Response(409, json={"detail": "not yet"}))
    with wire.streaming("/mask", {}, {}) as answer:
        assert answer.json() == {"detail": "not yet"}


def test_no_proxy_stands_before_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    for url, is_trusted in (("http://127.0.0.1:1", False), ("http://service:1", True)):
        made = Connection(Address(url), 1.0)
        assert made._client.trust_env is is_trusted
        made.close()
