"""Download of a file: after a lost connection it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import httpx

from emstream.client.backoff import Backoff
from emstream.client.http import Connection
from emstream.client.refusals import PASSING, error_of, retry_after_s
from emstream.errors import ServiceUnavailable
from emstream.volume.files import disk_full_named

READ_BYTES = 1 << 20
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
