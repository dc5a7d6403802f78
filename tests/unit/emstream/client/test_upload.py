"""Uploads of a file: resumed at the byte that the service has, and compared by their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emstream.client.address import Address
from emstream.client.http import Connection
from emstream.client.samples import LocalFile
from emstream.client.transfer import upload
from emstream.errors import InputUnreadable, ServiceUnavailable, UploadConflict

CONTENT = b"0123456789"


@pytest.fixture(autouse=True, scope="module")
def no_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda seconds: None)
        yield


class Store:
    """Holds one file; `cuts`: at each of them a connection is lost when so many bytes have arrived."""

    def __init__(self, size: int, cuts: list[int] | None = None) -> None:
        self.size, self.cuts, self.have, self.puts = size, sorted(cuts or []), b"", 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            self.puts += 1
            offset = int(request.url.params["offset"])
            if offset != len(self.have):
                return httpx.Response(409, json={"code": "wrong_offset", "detail": "no", "received": len(self.have)})
            self.have += request.read()
            if self.cuts and self.cuts[0] < len(self.have):
                self.have = self.have[: max(self.cuts.pop(0), offset)]
                raise httpx.WriteError("lost")
        sha256 = hashlib.sha256(self.have).hexdigest() if len(self.have) == self.size else None
        state = {"name": "s1.png", "size": self.size, "received": len(self.have), "sha256": sha256}
        return httpx.Response(200, json=state)


def send(store: Store, path: Path, size: int = len(CONTENT), received: int = 0) -> list[int]:
    sent: list[int] = []
    connection = Connection(Address("http://service"), 5.0, httpx.MockTransport(store))
    upload(connection, "j1", LocalFile(path, size), received, sent.append)
    return sent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "s1.png").write_bytes(CONTENT)
    return tmp_path / "s1.png"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(cuts=st.lists(st.integers(0, 9), max_size=4, unique=True))
def test_a_file_arrives_wherever_connections_are_lost(path: Path, cuts: list[int]) -> None:
    store = Store(10, cuts)
    sent = send(store, path)
    assert store.have == CONTENT
    assert sent[-1] == 10
    assert store.puts <= len(cuts) + 1


def test_what_the_service_has_is_not_sent_again(path: Path) -> None:
    store = Store(10)
    store.have = CONTENT[:6]
    assert send(store, path, received=6) == [10]
    assert store.have == CONTENT


def test_a_wrong_offset_is_put_right(path: Path) -> None:
    store = Store(10)
    store.have = CONTENT[:6]
    send(store, path, received=0)
    assert (store.have, store.puts) == (CONTENT, 2)


def test_an_empty_file_is_sent_too(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    store = Store(0)
    send(store, tmp_path / "empty.png", size=0)
    assert store.puts == 1


def test_a_file_that_changes_on_the_way_is_refused(path: Path) -> None:
    with pytest.raises(InputUnreadable, match="changed its size while it was sent"):
        send(Store(12), path, size=12)
    store = Store(10)
    store.have = b"another"[:3]
    with pytest.raises(UploadConflict, match="changed while it was sent"):
        send(store, path, received=3)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="cannot be read: No such file"):
        send(Store(10), tmp_path / "none.png")


def test_a_service_that_stays_away_is_named(path: Path) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    connection = Connection(Address("http://service"), 1.0, httpx.MockTransport(away))
    with pytest.raises(ServiceUnavailable, match="http://service does not answer"):
        upload(connection, "j1", LocalFile(path, 10), 0, lambda received: None)
