"""The client against a service that is made up: what it sends, what it bears, what it says."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from emstream.client.client import Client
from emstream.client.samples import plan_samples
from emstream.errors import (
    AccessDenied,
    InputUnreadable,
    JobNotFound,
    ServiceUnavailable,
    TooMuch,
    UnknownObject,
    UploadConflict,
    UsageError,
)
from tests.pauses import note_pauses
from tests.replies import shown_job

URL = "http://service:8080"
JOB = shown_job("j1", "completed", objects=["mitochondria", "nuclei"], name="sample")
Handler = Callable[[httpx.Request], httpx.Response]


def problem(status: int, code: str, detail: str, **members: object) -> httpx.Response:
    body = {"title": "x", "status": status, "detail": detail, "code": code, **members}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


class FakeService:
    """Takes uploads as the gateway does. `before` may answer, or fail, in its place."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, bytes]] = {}
        self.sizes: dict[str, dict[str, int]] = {}
        self.started: list[str] = []
        self.keys: dict[str, str] = {}
        self.seen: list[httpx.Request] = []
        self.before: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.before(request)
        if answer is not None:
            return answer
        parts = [unquote(part) for part in request.url.raw_path.decode().split("?")[0].strip("/").split("/")]
        match request.method, parts:
            case "POST", ["v1", "jobs"]:
                return self._make(request)
            case "PUT", ["v1", "jobs", job, "files", name]:
                return self._put(job, name, int(request.url.params["offset"]), request.read())
            case "GET", ["v1", "jobs", job, "files", name]:
                return httpx.Response(200, json=self._file(job, name))
            case "POST", ["v1", "jobs", job, "start"]:
                if job in self.started:
                    return problem(409, "wrong_state", "the job is started")
                self.started.append(job)
                return httpx.Response(202, json=self._job(job))
            case "GET", ["v1", "jobs", job] if job in self.jobs:
                return httpx.Response(200, json=self._job(job))
            case "DELETE", ["v1", "jobs", job]:
                del self.jobs[job]
                return httpx.Response(204)
        return problem(404, "not_found", f"there is no {request.url.path}")

    def _make(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.read())
        job = self.keys.setdefault(request.headers["Idempotency-Key"], f"j{len(self.keys)}")
        self.jobs.setdefault(job, {file["name"]: b"" for file in body["files"]})
        self.sizes[job] = {file["name"]: file["size"] for file in body["files"]}
        return httpx.Response(201, json={"jobs": [self._job(job) | {"name": body["name"]}]})

    def _put(self, job: str, name: str, offset: int, content: bytes) -> httpx.Response:
        have = self.jobs[job][name]
        if offset != len(have):
            return problem(409, "wrong_offset", "not there", received=len(have))
        self.jobs[job][name] = have + content
        return httpx.Response(200, json=self._file(job, name))

    def _file(self, job: str, name: str) -> dict[str, object]:
        have, size = self.jobs[job][name], self.sizes[job][name]
        digest = hashlib.sha256(have).hexdigest() if len(have) == size else None
        return {"name": name, "size": size, "received": len(have), "sha256": digest}

    def _job(self, job: str) -> dict[str, object]:
        state = "queued" if job in self.started else "uploading"
        return shown_job(job, state, files=[self._file(job, name) for name in self.jobs[job]])


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits in these tests; the pauses are noted."""
    for name in ("EMSTREAM_URL", "EMSTREAM_KEY"):
        monkeypatch.delenv(name, raising=False)
    return note_pauses(monkeypatch)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    with connected(service) as client:
        yield client


def connected(handler: Handler) -> Client:
    return Client(URL, "ems_key", transport=httpx.MockTransport(handler), patience_s=20)


def fails_once(service: FakeService, when: Callable[[httpx.Request], bool], error: Exception | None = None) -> None:
    """Let the first such request have its effect, and its answer be lost on the way back."""

    def before(request: httpx.Request) -> httpx.Response | None:
        if not when(request):
            return None
        service.before = lambda request: None
        service.seen.pop()
        service(request)
        raise error or httpx.ReadError("connection lost", request=request)

    service.before = before


def section(folder: Path, name: str = "s0.png", content: bytes = b"section") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder


def test_each_folder_is_sent_as_a_job_and_started(tmp_path: Path, service: FakeService, client: Client) -> None:
    section(tmp_path / "all" / "a", "s 1#.png", b"12345")
    section(tmp_path / "all" / "b", content=b"678")
    progress: list[tuple[int, int]] = []
    jobs = client.submit(tmp_path / "all", {"quality": "fast"}, lambda done, total: progress.append((done, total)))
    assert [job.id for job in jobs] == service.started == ["j0", "j1"]
    assert service.jobs == {"j0": {"s 1#.png": b"12345"}, "j1": {"s0.png": b"678"}}
    first = json.loads(service.seen[0].content)
    assert first == {"name": "a", "settings": {"quality": "fast"}, "files": [{"name": "s 1#.png", "size": 5}]}
    assert service.seen[0].headers["Authorization"] == "Bearer ems_key"
    assert progress == sorted(progress)
    assert progress[-1] == (8, 8)


def test_a_lost_connection_costs_only_what_had_not_arrived(
    tmp_path: Path, service: FakeService, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream.client.transfer.READ_BYTES", 4)
    section(tmp_path / "a", content=b"0123456789")

    def before(request: httpx.Request) -> None:
        if request.method == "PUT":
            service.before = lambda request: None
            service.jobs["j0"]["s0.png"] = request.read()[:6]
            raise httpx.WriteError("connection lost", request=request)

    service.before = before
    client.submit(tmp_path / "a")
    assert service.jobs["j0"]["s0.png"] == b"0123456789"
    assert [(r.url.params.get("offset"), r.content) for r in service.seen if r.method == "PUT"][-1] == ("6", b"6789")


def test_a_lost_answer_makes_no_second_job_and_no_second_start(
    tmp_path: Path, service: FakeService, client: Client
) -> None:
    section(tmp_path / "a")
    fails_once(service, lambda request: request.url.path == "/v1/jobs")
    [job] = client.submit(tmp_path / "a")
    assert list(service.jobs) == [job.id]
    fails_once(service, lambda request: request.url.path.endswith("/start"))
    [job] = client.submit(tmp_path / "a")
    assert job.state == "queued"
    assert service.started == ["j0", "j1"]


def test_a_service_away_for_a_while_is_waited_for(
    tmp_path: Path, service: FakeService, client: Client, pauses: list[float]
) -> None:
    answers: Iterator[httpx.Response | Exception] = iter(
        [httpx.Response(503, headers={"Retry-After": "3"}, json={}), httpx.ConnectError("refused")]
    )

    def before(request: httpx.Request) -> httpx.Response | None:
        answer = next(answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    service.before = before
    section(tmp_path / "a")
    client.submit(tmp_path / "a")
    assert pauses == [3.0, 0.4]


def test_patience_ends_with_the_address(client: Client, service: FakeService, pauses: list[float]) -> None:
    def before(request: httpx.Request) -> None:
        raise httpx.ConnectError("refused")

    service.before = before
    with pytest.raises(ServiceUnavailable, match="http://service:8080 does not answer"):
        client.job("j1")
    assert 20 <= sum(pauses) <= 30


def test_a_refused_upload_is_deleted(tmp_path: Path, service: FakeService, client: Client) -> None:
    section(tmp_path / "a")
    service.before = lambda request: problem(413, "too_much", "1 TB is allowed") if request.method == "PUT" else None
    with pytest.raises(TooMuch, match="1 TB is allowed"):
        client.submit(tmp_path / "a")
    assert service.jobs == {}


def test_a_refusal_of_the_state_is_not_tried_for_ever(tmp_path: Path, service: FakeService, client: Client) -> None:
    section(tmp_path / "a")
    service.before = lambda r: problem(409, "wrong_state", "the job is started") if r.method == "PUT" else None
    with pytest.raises(UploadConflict, match="the job is started"):
        client.submit(tmp_path / "a")
    assert sum(request.method == "PUT" for request in service.seen) == 1


def test_a_file_that_changes_on_the_way_is_noticed(tmp_path: Path, service: FakeService, client: Client) -> None:
    path = section(tmp_path / "a") / "s0.png"

    def before(request: httpx.Request) -> None:
        if request.url.path == "/v1/jobs":
            path.write_bytes(b"sec")

    service.before = before
    with pytest.raises(InputUnreadable, match="changed its size while it was sent"):
        client.submit(tmp_path / "a")


def test_bytes_that_arrive_otherwise_are_noticed(tmp_path: Path, service: FakeService, client: Client) -> None:
    section(tmp_path / "a")
    wrong = {"name": "s0.png", "size": 7, "received": 7, "sha256": "0" * 64}
    service.before = lambda request: httpx.Response(200, json=wrong) if request.method == "PUT" else None
    with pytest.raises(UploadConflict, match="changed while it was sent"):
        client.submit(tmp_path / "a")


def test_an_interrupted_upload_goes_on(tmp_path: Path, service: FakeService, client: Client) -> None:
    folder = section(section(tmp_path / "a"), "s1.png", b"other")
    service.jobs["j0"] = {"s0.png": b"section", "s1.png": b"ot"}
    service.sizes["j0"] = {"s0.png": 7, "s1.png": 5}
    job = client.resume("j0", folder)
    assert job.state == "queued"
    assert [r.content for r in service.seen if r.method == "PUT"] == [b"her"]
    with pytest.raises(InputUnreadable, match="has not the files that job j0 waits for"):
        client.resume("j0", section(tmp_path / "b"))


def test_what_was_sent_once_is_not_sent_again(tmp_path: Path, service: FakeService, client: Client) -> None:
    folder = section(tmp_path / "a")
    first = client.submit(folder, {"quality": "fast"}, once=True)
    sent = len(service.seen)
    assert [job.id for job in client.submit(folder, {"quality": "fast"}, once=True)] == [first[0].id]
    assert [request.url.path for request in service.seen[sent:]] == ["/v1/jobs"]
    others = [client.submit(folder, {"quality": "accurate"}, once=True), client.submit(folder, {"quality": "fast"})]
    os.utime(folder / "s0.png", (1, 1))
    others.append(client.submit(folder, {"quality": "fast"}, once=True))
    assert len({first[0].id, *(job.id for (job,) in others)}) == 4


def test_what_was_half_sent_goes_on_where_it_is_sent_once(tmp_path: Path, service: FakeService, client: Client) -> None:
    folder = section(section(tmp_path / "a"), "s1.png", b"second")
    [sample] = plan_samples([folder])
    job = client.create(sample, once=True)
    service.jobs[job.id]["s0.png"] = b"section"
    assert client.submit(folder, once=True)[0].state == "queued"
    assert [request.url.path for request in service.seen if request.method == "PUT"] == [
        f"/v1/jobs/{job.id}/files/s1.png"
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (problem(401, "no_key", "give a key"), AccessDenied, "give a key"),
        (problem(404, "not_found", "no such job"), JobNotFound, "no such job"),
        (problem(422, "unknown_object", "there are: x"), UnknownObject, "there are: x"),
        (problem(418, "brand_new", "a new refusal"), UsageError, "a new refusal"),
        (problem(500, "brand_new", "a mistake"), ServiceUnavailable, "a mistake"),
        (httpx.Response(404, text="<html>nginx"), JobNotFound, "is there another server at this address"),
        (httpx.Response(500, json=[1]), ServiceUnavailable, "answered 500"),
    ],
)
def test_refusals_become_errors_with_the_sentence(answer: httpx.Response, kind: type[Exception], sentence: str) -> None:
    with connected(lambda request: answer) as client, pytest.raises(kind, match=sentence):
        client.job("j1")


def test_ids_are_never_paths(client: Client, service: FakeService) -> None:
    for job in ("../keys", "a/b", ""):
        with pytest.raises(JobNotFound, match="letters and digits only"):
            client.job(job)
    assert service.seen == []


def test_waiting_ends_with_the_job_however_it_ends(pauses: list[float]) -> None:
    states = iter(["queued", "running", "running", "failed"])

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=JOB | {"state": next(states)}, headers={"Retry-After": "1"})

    seen: list[str] = []
    with connected(answer) as client:
        assert client.wait("j1", lambda job: seen.append(job.state)).state == "failed"
    assert seen == ["queued", "running", "running", "failed"]
    assert pauses == [0.2, 0.4, 0.8]


class FakeFile:
    """A mask of some bytes with Range and ETag; the connection breaks at the given places."""

    def __init__(self, breaks: list[int]) -> None:
        self.content, self.etag, self.breaks = b"0123456789", '"a"', breaks
        self.ranges: list[str | None] = []
        self.changes_to: bytes | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/mask"):
            return (
                httpx.Response(200, json=JOB) if request.url.path == "/v1/jobs/j1" else problem(404, "not_found", "no")
            )
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start, headers, status = 0, {"ETag": self.etag}, 200
        if asked and request.headers["If-Range"] == self.etag:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        headers["Content-Length"] = str(len(self.content) - start)
        stop = self.breaks.pop(0) if self.breaks else len(self.content)
        stream = Broken(self.content[start:stop], is_whole=stop == len(self.content))
        if self.changes_to is not None:
            self.content, self.etag, self.changes_to = self.changes_to, '"b"', None
        return httpx.Response(status, headers=headers, stream=stream)


class Broken(httpx.SyncByteStream):
    def __init__(self, content: bytes, is_whole: bool) -> None:
        self._content, self._is_whole = content, is_whole

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        if not self._is_whole:
            raise httpx.ReadError("connection lost")


def test_a_download_goes_on_where_it_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream.client.transfer.READ_BYTES", 1)
    file = FakeFile([4, 7])
    with connected(file) as client:
        paths = client.fetch("j1", tmp_path)
    assert paths == [tmp_path / "mask.h5"]
    assert paths[0].read_bytes() == b"0123456789"
    assert file.ranges == [None, "bytes=4-", "bytes=7-"]


def test_a_file_made_anew_meanwhile_is_fetched_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream.client.transfer.READ_BYTES", 1)
    file = FakeFile([4])
    file.changes_to = b"abc"
    with connected(file) as client:
        client.fetch("j1", tmp_path)
    assert (tmp_path / "mask.h5").read_bytes() == b"abc"


def test_a_short_file_never_gets_its_name(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/mask"):
            return httpx.Response(200, stream=Broken(b"012", is_whole=True), headers={"Content-Length": "10"})
        return httpx.Response(200, json=JOB)

    with connected(answer) as client, pytest.raises(ServiceUnavailable, match="came with 3 of 10 bytes"):
        client.fetch("j1", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_masks_still_being_made_are_waited_for(tmp_path: Path, pauses: list[float]) -> None:
    file, asked = FakeFile([]), iter([True, True])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/mask") and next(asked, False):
            return httpx.Response(202, json=JOB, headers={"Retry-After": "2"})
        return file(request)

    with connected(answer) as client:
        paths = client.fetch("j1", tmp_path, ("tiff", "png"))
    assert [path.name for path in paths] == [
        "mitochondria.tif", "mitochondria_png.zip", "nuclei.tif", "nuclei_png.zip"
    ]  # fmt: skip
    assert pauses == [2.0, 2.0]


def test_the_tables_of_a_measured_job_come_with_its_masks(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/jobs/j1":
            return httpx.Response(200, json=JOB | {"links": {"measurements": "/v1/jobs/j1/measurements"}})
        name = f"{request.url.path.split('/')[-1]} {request.url.params}"
        return httpx.Response(200, stream=Broken(name.encode(), is_whole=True))

    with connected(answer) as client:
        paths = client.fetch("j1", tmp_path, ())
    assert len(paths) == 6
    table = (tmp_path / "measurements" / "nuclei.parquet").read_text()
    assert table == "measurements format=parquet&object=nuclei"


def test_labels_come_with_the_masks_of_a_measured_job(tmp_path: Path) -> None:
    links = {"measurements": "/v1/jobs/j1/measurements"}
    made = {"id": "0", "name": "cortex-labels.h5", "state": "waiting", "progress": 0.0, "content": "labels"}
    made |= {"format": "h5", "objects": ["nuclei"], "combined": False, "z": [0, 2], "size": None, "sentence": None}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/jobs/j1":
            return httpx.Response(200, json=JOB | {"links": links})
        if request.method == "POST":
            return httpx.Response(201, json=made | {"links": {}})
        return httpx.Response(200, stream=Broken(request.url.path.encode(), is_whole=True))

    with connected(answer) as client:
        paths = client.fetch("j1", tmp_path)
        assert tmp_path / "labels.h5" in paths
        assert (tmp_path / "labels.h5").read_text() == "/v1/jobs/j1/exports/0"
        with pytest.raises(UsageError, match="exists already: give another --output, or --overwrite"):
            client.fetch("j1", tmp_path)
        assert client.fetch("j1", tmp_path, overwrite=True) == paths


def test_what_is_not_done_cannot_be_fetched(tmp_path: Path) -> None:
    with connected(lambda request: httpx.Response(200, json=JOB | {"state": "running"})) as client:
        with pytest.raises(UploadConflict, match="is running and has no masks"):
            client.fetch("j1", tmp_path)
        with pytest.raises(UsageError, match="format must be one of h5, tiff, png, got gif"):
            client.fetch("j1", tmp_path, ["gif"])


@pytest.mark.parametrize("name", ["../../evil", "/etc/cron.d/x", "a\\b", "..", "", "C:x", "two\nlines"])
def test_a_hostile_service_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    job = JOB | {"objects": [name]}
    with (
        connected(lambda request: httpx.Response(200, json=job)) as client,
        pytest.raises(ServiceUnavailable, match="no file name"),
    ):
        client.fetch("j1", tmp_path / "out", ["png", "tiff"])
    assert not list(tmp_path.iterdir())
