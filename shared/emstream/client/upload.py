"""Upload of a file: after a lost connection it goes on where it stopped, and the hashes are compared at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx

from emstream.api.jobs import FileState
from emstream.client.backoff import Backoff
from emstream.client.http import Connection
from emstream.client.samples import LocalFile
from emstream.errors import InputUnreadable, ServiceUnavailable, UploadConflict

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
