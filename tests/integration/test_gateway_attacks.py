"""Callers who mean harm: connections that say nothing, keys, links, hostile names, damaged files."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.integration.gateway_house import House, make_house, plan_job


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with make_house(tmp_path / "data") as made:
        yield made


def knock(house: House, said: bytes = b"") -> socket.socket:
    """Open a connection, and say no more than this."""
    connection = socket.create_connection(("127.0.0.1", house.port), timeout=10)
    connection.sendall(said)
    return connection


def heard(connection: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection."""
    received = b""
    while chunk := connection.recv(4096):
        received += chunk
    return received


@pytest.mark.parametrize("said", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_a_request_has_a_time_to_arrive(house: House, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr("emstream_gateway.server.HEAD_S", 0.3)
    with knock(house, said) as connection:
        assert heard(connection).startswith(b"HTTP/1.1 408 ")


def test_single_bytes_do_not_lengthen_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.server.HEAD_S", 0.3)
    began = time.monotonic()
    with knock(house, b"GET / HTTP/1.1\r\nX: ") as connection, suppress(OSError):
        while time.monotonic() - began < 8:
            connection.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began < 5


def test_a_request_under_way_is_not_ended(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.server.HEAD_S", 0.2)
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ems_ann\r\n"
    with knock(house, head + b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n") as connection:
        time.sleep(0.6)
        connection.sendall(b"{}")
        assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")


def test_silent_connections_make_room_for_the_next(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.server.MOST_CONNECTIONS", 8)
    with ExitStack() as stack:
        silent = [stack.enter_context(knock(house)) for _ in range(50)]
        for _ in range(20):
            assert house.client.get("/healthz").status_code == 200
        assert silent[0].recv(1) == b""


def test_one_too_many_is_refused_where_all_are_at_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.server.MOST_CONNECTIONS", 8)
    head = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ems_ann\r\n"
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(knock(house, head + b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"))
            time.sleep(0.1)
        answer = heard(stack.enter_context(knock(house)))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After" in answer


def test_a_caller_who_does_not_read_is_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.server.STALL_S", 0.3)
    job = house.one_job()
    plan_job(house, job)
    house.folder(job).exports.mkdir(exist_ok=True)
    (house.folder(job).exports / "mask.h5").write_bytes(bytes(64 << 20))
    house.folder(job).report_path.write_text("{}")
    head = b" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ems_ann\r\n\r\n"
    with knock(house, f"GET /v1/jobs/{job}/mask".encode() + head) as connection:
        time.sleep(1.5)
        try:
            received = len(heard(connection))
        except ConnectionResetError:
            received = 0
    assert received < 64 << 20
