"""Request bodies: in order, within limits, and refused with a sentence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from emstream.api.jobs import NewJob
from emstream.api.problems import TooSlow, Unreadable, WrongFields
from emstream.errors import TooMuch
from emstream_gateway.http.bodies import BLOCK_BYTES, JSON_BYTES, drain, json_body, length_of, stream_body
from tests.coroutines import awaited


def request_of(*chunks: bytes, headers: dict[str, str] | None = None, is_cut: bool = False) -> Request:
    """Return a request whose body arrives in these chunks; is_cut: then the connection ends."""
    messages: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b""})

    async def receive() -> Message:
        return messages.pop(0)

    named = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": "PUT", "path": "/", "headers": named}, receive)


def poured(request: Request, take: Callable[[list[bytes]], None] | None = None) -> list[bytes]:
    blocks: list[bytes] = []
    awaited(stream_body(request, take or (lambda block: blocks.append(b"".join(block)))))
    return blocks


def test_a_body_passes_in_order_and_in_blocks() -> None:
    chunks = [bytes([n]) * (BLOCK_BYTES // 4) for n in range(10)]
    blocks = poured(request_of(*chunks))
    assert b"".join(blocks) == b"".join(chunks)
    assert [len(block) for block in blocks] == [BLOCK_BYTES, BLOCK_BYTES, BLOCK_BYTES // 2]


def test_what_came_before_the_connection_ended_is_kept() -> None:
    blocks: list[bytes] = []
    with pytest.raises(ClientDisconnect):
        poured(request_of(b"one", b"two", is_cut=True), blocks.extend)
    assert blocks == [b"one", b"two"]


def test_an_error_of_the_writer_ends_the_body() -> None:
    def full(_: list[bytes]) -> None:
        raise TooMuch("full")

    with pytest.raises(TooMuch, match="full"):
        poured(request_of(bytes(BLOCK_BYTES), bytes(BLOCK_BYTES)), full)


def test_a_body_of_single_bytes_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.http.bodies.IDLE_S", 0.05)
    request = request_of()

    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"1", "more_body": True}

    request._receive = receive
    with pytest.raises(TooSlow, match="bytes of the body arrived in"):
        poured(request)


def test_a_slow_disk_makes_no_slow_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.http.bodies.IDLE_S", 0.05)
    monkeypatch.setattr("emstream_gateway.http.bodies.BLOCK_BYTES", 1)
    assert poured(request_of(*[b"1"] * 10), lambda _: time.sleep(0.02)) == []


def test_a_body_that_stops_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.http.bodies.IDLE_S", 0.01)

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    request = Request({"type": "http", "method": "PUT", "path": "/", "headers": []}, never)
    with pytest.raises(TooSlow, match="nothing of the body arrived"):
        poured(request)


def test_json_becomes_a_model() -> None:
    body = awaited(json_body(request_of(b'{"name": ', b'"rat"}'), NewJob))
    assert body.name == "rat"


@pytest.mark.parametrize(
    ("chunks", "kind", "words"),
    [
        ((b"{",), Unreadable, "the body is no JSON"),
        ((b"",), Unreadable, "the body is no JSON"),
        ((b'{"name": 3}',), WrongFields, "name: "),
        ((b'{"nam": "x"}',), WrongFields, "nam: "),
        ((b" " * (JSON_BYTES // 2), b" " * (JSON_BYTES // 2), b"{}"), TooMuch, "longer than"),
    ],
)
def test_bodies_that_are_no_such_json_are_refused(chunks: tuple[bytes, ...], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        awaited(json_body(request_of(*chunks), NewJob))


@pytest.mark.parametrize(("value", "length"), [("0", 0), ("12", 12), (None, None)])
def test_the_length_is_a_number_or_unknown(value: str | None, length: int | None) -> None:
    assert length_of(request_of(headers={} if value is None else {"content-length": value})) == length


@pytest.mark.parametrize("value", ["-1", "1e3", "", "x", "1_000"])
def test_a_length_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(Unreadable, match="is no number"):
        length_of(request_of(headers={"content-length": value}))


def test_the_rest_of_a_refused_body_is_read_whatever_happens() -> None:
    awaited(drain(request_of(b"1", b"2")))
    awaited(drain(request_of(b"1", is_cut=True)))
