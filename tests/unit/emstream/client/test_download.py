"""Downloads: in parts, waiting for files that are being made, and never half under their final name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emstream.client.address import Address
from emstream.client.http import Connection
from emstream.client.transfer import download
from emstream.errors import JobNotFound, ServiceUnavailable
from tests.pauses import note_pauses

CONTENT = b"0123456789"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.setattr("emstream.client.transfer.READ_BYTES", 1)
    return note_pauses(monkeypatch)


class Server:
    """Gives one answer after another, the last one for ever; `ranges` notes what was asked for."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.ranges = list(answers), list[str | None]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.ranges.append(request.headers.get("Range"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Body(httpx.SyncByteStream):
    """A body that arrives; is_cut: then its connection is lost."""

    def __init__(self, content: bytes, is_cut: bool) -> None:
        self.content, self.is_cut = content, is_cut

    def __iter__(self) -> Iterator[bytes]:
        yield self.content
        if self.is_cut:
            raise httpx.ReadError("lost")


def body(status: int, content: bytes, is_cut: bool = False, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, stream=Body(content, is_cut), headers=named)


def fetch(server: Server, final: Path) -> list[tuple[int, int | None]]:
    progress: list[tuple[int, int | None]] = []
    connection = Connection(Address("http://service"), 5.0, httpx.MockTransport(server))
    download(connection, "/mask", {}, final, lambda done, total: progress.append((done, total)))
    return progress


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    final = tmp_path / "new" / "mask.h5"
    assert fetch(Server(body(200, CONTENT, Content_Length="10")), final)[-1] == (10, 10)
    assert final.read_bytes() == CONTENT
    assert [path.name for path in final.parent.iterdir()] == ["mask.h5"]


def test_a_lost_connection_is_gone_on_from_the_last_byte(tmp_path: Path) -> None:
    first = body(200, b"0123", is_cut=True, ETag='"1"', Content_Length="10")
    server = Server(first, body(206, b"456789", ETag='"1"', Content_Range="bytes 4-9/10"))
    fetch(server, tmp_path / "mask.h5")
    assert server.ranges == [None, "bytes=4-"]
    assert (tmp_path / "mask.h5").read_bytes() == CONTENT


def test_a_file_that_is_being_made_is_waited_for(tmp_path: Path, pauses: list[float]) -> None:
    made = httpx.Response(202, headers={"Retry-After": "3"})
    fetch(Server(*[made] * 5, body(200, CONTENT, Content_Length="10")), tmp_path / "mask.h5")
    assert pauses == [3.0] * 5, "longer than its patience: the service works on it"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(404, json={"code": "not_found", "detail": "no"}), JobNotFound),
        (httpx.ConnectError("refused"), ServiceUnavailable),
        (body(200, CONTENT, Content_Length="12"), ServiceUnavailable),
    ],
)
def test_nothing_stays_of_a_file_that_does_not_come(
    tmp_path: Path, answer: httpx.Response | Exception, kind: type[Exception]
) -> None:
    (tmp_path / "mask.h5").write_bytes(b"old")
    with pytest.raises(kind):
        fetch(Server(answer), tmp_path / "mask.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["mask.h5"]
    assert (tmp_path / "mask.h5").read_bytes() == b"old"


@pytest.mark.parametrize("said", ["bytes 3-9/10", "bytes", ""])
def test_a_part_that_begins_elsewhere_is_refused(tmp_path: Path, said: str) -> None:
    first = body(200, b"0123", is_cut=True, ETag='"1"', Content_Length="10")
    wrong = body(206, b"456789", Content_Range=said)
    with pytest.raises(ServiceUnavailable, match="was to go on at byte 4"):
        fetch(Server(first, wrong), tmp_path / "mask.h5")
