"""Bytes up and down: uploads that go on after a lost connection, downloads that are complete or not there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import httpx

from emstream.api.jobs import FileState
from emstream.client.http import PASSING, Backoff, Connection, error_of, retry_after_s
from emstream.client.samples import LocalFile
from emstream.errors import InputUnreadable, ServiceUnavailable, UploadConflict
from emstream.volume.files import disk_full_named

READ_BYTES = 1 << 20


def upload(connection: Connection, job: str, file: LocalFile, received: int, on_sent: Callable[[int], None]) -> None:
    """Send the part of a file that the service does not have. on_sent: called with the bytes that it has.

    received: the bytes that it has at the beginning. Raises InputUnreadable if the file changes on the way,
    UploadConflict if the hashes differ, the error of a refusal, and ServiceUnavailable if the service stays away.
    """
    path = f"/v1/jobs/{job}/files/{quote(file.name, safe='')}"
    backoff = connection.backoff()
    reading = _Reading(file, backoff, on_sent)
    state = None
    while state is None:
        content = reading.chunks(received)
        try:
            state = FileState.model_validate(connection.put(path, received, file.size - received, content).json())
        except (httpx.TransportError, UploadConflict, ServiceUnavailable) as error:
            before, received = received, _received(connection, path, error, backoff)
            if isinstance(error, UploadConflict) and received == before:
                raise  # it is not the offset that was wrong
            if received > file.size:
                raise _changed(file) from error
    if state.sha256 is not None and state.sha256 != reading.sha256():
        raise UploadConflict(f"{file.path} changed while it was sent: submit it again")


def _received(connection: Connection, path: str, error: Exception, backoff: Backoff) -> int:
    """Return the bytes of a file that the service has, after a pause; raise the error when the backoff is used up."""
    if not backoff.wait():
        raise (connection.unreachable(error) if isinstance(error, httpx.TransportError) else error) from error
    return FileState.model_validate(connection.ask("GET", path).json()).received


class _Reading:
    """Reads a file from any offset and hashes it from its beginning."""

    def __init__(self, file: LocalFile, backoff: Backoff, on_sent: Callable[[int], None]) -> None:
        self._file, self._backoff, self._on_sent = file, backoff, on_sent
        self._digest, self._hashed = hashlib.sha256(), 0

    def chunks(self, offset: int) -> Iterator[bytes]:
        self._hash_until(offset)
        at = offset
        for chunk in self._read(offset, self._file.size):
            yield chunk  # when asked for the next, this one is on its way
            self._digest.update(chunk)
            at = self._hashed = at + len(chunk)
            self._backoff.renew()
            self._on_sent(at)

    def sha256(self) -> str:
        self._hash_until(self._file.size)
        return self._digest.hexdigest()

    def _hash_until(self, offset: int) -> None:
        if offset < self._hashed:
            self._digest, self._hashed = hashlib.sha256(), 0
        for chunk in self._read(self._hashed, offset):
            self._digest.update(chunk)
            self._hashed += len(chunk)

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        try:
            with self._file.path.open("rb") as file:
                file.seek(start)
                while start < stop:
                    chunk = file.read(min(READ_BYTES, stop - start))
                    if not chunk:
                        raise _changed(self._file)
                    start += len(chunk)
                    yield chunk
        except OSError as error:
            raise InputUnreadable(f"{self._file.path} cannot be read: {error.strerror}") from error


def _changed(file: LocalFile) -> InputUnreadable:
    return InputUnreadable(f"{file.path} changed its size while it was sent: submit it again when it is complete")


OnBytes = Callable[[int, int | None], None]
"""Called with the bytes that have arrived, and the bytes in all if known."""


def download(
    connection: Connection, path: str, params: Mapping[str, str | int], final: Path, on_bytes: OnBytes
) -> None:
    """Fetch a file, replacing `final` once it is complete. Waits while the service still makes it.

    Raises DiskFull, the error that a refusal means, and ServiceUnavailable if the service stays away.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.part")
    try:
        with disk_full_named(final):
            with part.open("wb") as file:
                _Download(connection, path, params, file, on_bytes).run()
            part.replace(final)
    finally:
        part.unlink(missing_ok=True)


class _Download:
    """A download under way, with the ETag of the version that its bytes belong to."""

    def __init__(
        self, connection: Connection, path: str, params: Mapping[str, str | int], file: BinaryIO, on_bytes: OnBytes
    ) -> None:
        self._connection, self._path, self._params = connection, path, params
        self._file, self._on_bytes = file, on_bytes
        self._etag = ""
        self._backoff: Backoff = connection.backoff()

    def run(self) -> None:
        while not self._attempt():
            pass

    def _attempt(self) -> bool:
        """Ask once, after a pause if needed; True when the file is complete."""
        try:
            with self._connection.streaming(self._path, self._params, self._range()) as answer:
                if answer.status_code == httpx.codes.ACCEPTED:
                    self._backoff.renew()  # the file is being made
                    return not self._backoff.wait(retry_after_s(answer))
                if answer.is_error:
                    self._refused(answer)
                    return False
                self._receive(answer)
                return True
        except httpx.TransportError as error:
            if not self._backoff.wait():
                raise self._connection.unreachable(error) from error
            return False

    def _range(self) -> dict[str, str]:
        have = self._file.tell()
        return {"Range": f"bytes={have}-", "If-Range": self._etag} if have and self._etag else {}

    def _refused(self, answer: httpx.Response) -> None:
        """Begin again if the file has become shorter; wait if it may pass; else raise."""
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and self._file.tell():
            self._restart()
        elif answer.status_code not in PASSING or not self._backoff.wait(retry_after_s(answer)):
            raise error_of(answer)

    def _restart(self) -> None:
        self._file.seek(0)
        self._file.truncate()

    def _receive(self, answer: httpx.Response) -> None:
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            self._restart()
        self._etag = answer.headers.get("ETag", "")
        total = _total(answer, self._file.tell())
        for chunk in answer.iter_raw(READ_BYTES):
            self._file.write(chunk)
            self._backoff.renew()
            self._on_bytes(self._file.tell(), total)
        if total is not None and self._file.tell() != total:
            raise ServiceUnavailable(
                f"{answer.request.url.path} came with {self._file.tell()} of {total} bytes: fetch it again"
            )


def _total(answer: httpx.Response, start: int) -> int | None:
    """Return the bytes of the whole file. Raises ServiceUnavailable if a part begins at a wrong byte."""
    if answer.status_code != httpx.codes.PARTIAL_CONTENT:
        length = answer.headers.get("Content-Length")
        return None if length is None else int(length)
    said = answer.headers.get("Content-Range", "")
    try:
        span, total = said.removeprefix("bytes ").split("/")
        if int(span.split("-")[0]) == start:
            return int(total)
    except ValueError:
        pass
    raise ServiceUnavailable(f"{answer.request.url.path} was to go on at byte {start}, the service sent {said!r}")
