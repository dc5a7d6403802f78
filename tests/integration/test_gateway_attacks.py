"""Callers who mean harm: connections that say nothing, keys, links, hostile names, damaged files."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from emstream_gateway.sessions import FREE_GUESSES
from tests.integration.gateway_house import KNOWN, TOKEN, House, finish_job, make_house, plan_job


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


@pytest.fixture
def anybody(house: House) -> Iterator[httpx.Client]:
    """A client without a key."""
    with httpx.Client(base_url=house.client.base_url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("key", [TOKEN, "ems_ann"])
def test_a_session_is_a_cookie_that_is_not_the_key(house: House, anybody: httpx.Client, key: str) -> None:
    answer = anybody.post("/session", json={"key": key})
    said = answer.headers["set-cookie"]
    assert answer.status_code == 204
    assert said.startswith(f"emstream_session_{house.port}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(said.split("; "))
    assert "Secure" not in said
    assert key not in said
    assert anybody.get("/v1/jobs").status_code == 200
    cookies = anybody.delete("/session").headers["set-cookie"]
    assert "Max-Age=0" in cookies
    assert anybody.get("/v1/jobs").status_code == 401


@pytest.mark.parametrize("headers", [{"Origin": "https://127.0.0.1:{}"}, {"X-Forwarded-Proto": "https"}])
def test_behind_tls_the_cookie_is_secure(house: House, anybody: httpx.Client, headers: dict[str, str]) -> None:
    said = {name: value.format(house.port) for name, value in headers.items()}
    assert "Secure" in anybody.post("/session", json={"key": TOKEN}, headers=said).headers["set-cookie"]


def test_a_form_without_script_begins_a_session_too(anybody: httpx.Client) -> None:
    answer = anybody.post("/session", data={"key": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    assert anybody.get("/v1/jobs").status_code == 200


@pytest.mark.parametrize("body", [{"json": {"key": "guess"}}, {"data": {"key": "guess"}}])
def test_an_unknown_key_begins_none(anybody: httpx.Client, body: dict[str, dict[str, str]]) -> None:
    answer = anybody.post("/session", **body)  # type: ignore[arg-type]  # one of two shapes
    assert answer.status_code == 401
    assert "not known here" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": ""}', b'{"key": 1}', b'{"key": "' + b"x" * 5000 + b'"}'])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_wrong_sign_in_is_refused(anybody: httpx.Client, content: bytes, kind: str) -> None:
    answer = anybody.post("/session", content=content, headers={"Content-Type": kind})
    assert answer.status_code in (400, 413, 422)


def test_an_address_signs_nobody_in(anybody: httpx.Client) -> None:
    answer = anybody.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, f"./#token={TOKEN}")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_of_another_site_begins_no_session(anybody: httpx.Client, headers: dict[str, str]) -> None:
    answer = anybody.post("/session", data={"key": "ems_bob"}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(("site", "is_marked"), [("cross-site", True), ("same-site", True), ("none", False)])
def test_a_page_opened_from_elsewhere_is_marked(anybody: httpx.Client, site: str, is_marked: bool) -> None:
    tag = anybody.get("/").headers["etag"]
    answer = anybody.get("/", headers={"Sec-Fetch-Site": site, "If-None-Match": tag})
    assert (b'data-from="elsewhere"' in answer.content) is is_marked
    assert answer.status_code == (200 if is_marked else 304)
    assert answer.headers["cache-control"] == ("no-store" if is_marked else "no-cache")


def test_guessing_is_slowed_and_known_keys_are_not(house: House, anybody: httpx.Client) -> None:
    began = time.monotonic()
    for number in range(FREE_GUESSES + 3):
        assert anybody.get("/v1/jobs", headers=house.as_owner(f"guess{number}")).status_code == 401
        assert house.client.get("/v1/jobs").status_code == 200
    assert time.monotonic() - began > 1.2


def test_a_removed_key_s_streams_and_sessions_end_at_once(
    house: House, anybody: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.one_job()
    anybody.post("/session", json={"key": "ems_ann"})
    with house.client.stream("GET", f"/v1/jobs/{job}/events") as events:
        lines = events.iter_lines()
        assert next(lines).startswith("retry")
        monkeypatch.delitem(KNOWN, "ems_ann")
        began = time.monotonic()
        list(lines)
        assert time.monotonic() - began < 3
    assert anybody.get("/v1/jobs").status_code == 401


def test_a_key_that_only_reads_has_nothing_made(house: House) -> None:
    job, reads = house.one_job(), house.as_owner("ems_ann_reads")
    plan_job(house, job)
    finish_job(house, job)
    before = sorted(house.data.rglob("*"))
    house.sender.sent.clear()
    assert house.client.get(f"/v1/jobs/{job}/mask", headers=reads).status_code == 200
    refused = house.client.get(f"/v1/jobs/{job}/mask", params={"format": "tiff"}, headers=reads)
    assert refused.status_code == 403
    assert "may only read" in refused.json()["detail"]
    for method, path in (("POST", "/exports"), ("POST", "/inspect"), ("PUT", "/thresholds"), ("DELETE", "")):
        assert house.client.request(method, f"/v1/jobs/{job}{path}", json={}, headers=reads).status_code == 403
    assert house.client.post("/v1/jobs", json={}, headers=reads).status_code == 403
    assert sorted(house.data.rglob("*")) == before
    assert house.sender.sent == []


def test_a_job_deleted_while_its_file_arrives_is_not_found(house: House) -> None:
    job = house.client.post("/v1/jobs", json={"files": [{"name": "1.png", "size": 6}]}).json()["jobs"][0]["id"]
    head = f"PUT /v1/jobs/{job}/files/1.png HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ems_ann\r\n"
    with knock(house, f"{head}Content-Length: 6\r\n\r\n123".encode()) as connection:
        time.sleep(0.5)
        assert house.client.delete(f"/v1/jobs/{job}").status_code == 204
        time.sleep(0.5)
        connection.sendall(b"456")
        answer = connection.recv(4096)
    assert b"HTTP/1.1 404 " in answer[:20], answer


def test_the_data_folder_is_the_owner_s_alone(house: House) -> None:
    assert house.data.stat().st_mode & 0o777 == 0o700
    assert (house.data / "session.key").stat().st_mode & 0o777 == 0o600
