"""Bodies: of requests read within limits, and files as responses with ranges and ETags."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl

import anyio
from anyio.to_thread import run_sync
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from emstream.api.problems import NoSuchRange, TooSlow, Unreadable, WrongFields
from emstream.errors import TooMuch
from emstream_gateway.http.error_handlers import field_problems

Body = TypeVar("Body", bound=BaseModel)
IDLE_S = 60.0
"""Seconds without a byte, or with hardly any, after which a body is abandoned."""
LEAST_BYTES = 4096
"""Smallest number of bytes in 60 s of waiting for them: a body of single bytes holds its connection for ever."""
BLOCK_BYTES = 512 << 10
"""Size of a block that is written at once."""
WRITERS = 8
"""Number of threads that write uploads."""
JSON_BYTES = 8 << 20
"""Size of the longest JSON body: 8192 files with long names."""
_DRAIN_BYTES = 64 << 20
_DRAIN_S = 2.0


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives. Raises TooSlow, and ClientDisconnect if the connection ends before the body.

    The time that the reader of the chunks needs for them does not count.
    """
    stream = request.stream().__aiter__()
    waited, received = 0.0, 0
    while True:
        began = time.monotonic()
        try:
            with anyio.fail_after(IDLE_S):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise TooSlow(f"nothing of the body arrived for {IDLE_S:.0f} s: send it again, or go on") from None
        if chunk is None:
            return
        waited, received = waited + time.monotonic() - began, received + len(chunk)
        if waited > IDLE_S:
            _check_rate(waited, received)
            waited, received = 0.0, 0
        if chunk:
            yield chunk


def _check_rate(waited: float, received: int) -> None:
    if received < LEAST_BYTES:
        raise TooSlow(f"{received} bytes of the body arrived in {waited:.0f} s: send it again, or go on")


async def stream_body(request: Request, take: Callable[[list[bytes]], None]) -> None:
    """Pass the body to `take`, some chunks at a time, in a thread, while the next ones arrive.

    Off the event loop: a write waits for the disk whenever some process syncs; other requests are not to wait for it.
    Largest memory held: two blocks of 512 KiB. When this returns or raises, `take` is not running any more.
    """
    pending: asyncio.Task[None] | None = None
    block: list[bytes] = []
    try:
        async for chunk in chunks(request):
            block.append(chunk)
            if sum(map(len, block)) >= BLOCK_BYTES:
                if pending is not None:
                    await pending
                pending, block = asyncio.create_task(_in_thread(take, block)), []
    finally:  # also the bytes before the connection ended: an upload goes on from there
        with anyio.CancelScope(shield=True):
            if pending is not None:
                await pending
            await _in_thread(take, block)


async def _in_thread(take: Callable[[list[bytes]], None], block: list[bytes]) -> None:
    await run_sync(take, block, limiter=_writers())


@lru_cache(1)
def _writers() -> anyio.CapacityLimiter:
    """Return the limit of threads that write uploads: a full or slow disk leaves the threads of the routes free."""
    return anyio.CapacityLimiter(WRITERS)


async def drain(request: Request) -> None:
    """Read on for a moment after a refusal, so that the caller reads the answer rather than a broken pipe."""
    stop, read = time.monotonic() + _DRAIN_S, 0
    with suppress(ClientDisconnect, TimeoutError, RuntimeError), anyio.fail_after(_DRAIN_S):
        async for chunk in request.stream():
            read += len(chunk)
            if read > _DRAIN_BYTES or time.monotonic() > stop:
                return


async def json_body(request: Request, model: type[Body], most: int = JSON_BYTES) -> Body:
    """Return the body as a model. most: its largest size in bytes. Raises TooMuch, Unreadable, WrongFields."""
    content = await _short_body(request, most)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        if any(e["type"] == "json_invalid" for e in error.errors()):
            raise Unreadable(f"the body is no JSON ({error.errors()[0]['msg']}): send JSON") from error
        raise WrongFields(field_problems(error.errors())) from error


async def form_body(request: Request, model: type[Body], most: int) -> Body:
    """Return the fields of a form (application/x-www-form-urlencoded) as a model. Raises what `json_body` raises."""
    content = await _short_body(request, most)
    try:
        return model.model_validate(dict(parse_qsl(content.decode(), max_num_fields=8)))
    except ValidationError as error:
        raise WrongFields(field_problems(error.errors())) from error
    except ValueError as error:
        raise Unreadable("the body is no form: send it as application/x-www-form-urlencoded, or as JSON") from error


async def _short_body(request: Request, most: int) -> bytes:
    content = bytearray()
    async for chunk in chunks(request):
        content += chunk
        if len(content) > most:
            raise TooMuch(f"the body is longer than {most} bytes, the limit: send less")
    return bytes(content)


def length_of(request: Request) -> int | None:
    """Return Content-Length, or None for a chunked body. Raises Unreadable if it is no number."""
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit():
        raise Unreadable(f"the Content-Length {text[:20]!r} is no number: send the body's length in bytes")
    return int(text)


_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE | re.ASCII)


IS_HEAD = "emstream.is_head"
"""Key of the scope of a HEAD request, which is answered as a GET without its body."""


class Download(FileResponse):
    """A file sent in blocks of 1 MiB: each block is a hop to a thread, and small ones halve the rate."""

    chunk_size = 1 << 20

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; of a HEAD only its headers, without reading it."""
        await super().__call__({**scope, "method": "HEAD"} if scope.get(IS_HEAD) else scope, receive, send)


def etag_of(facts: os.stat_result) -> str:
    """Return a strong ETag. Files are replaced, never changed: inode, time and size tell any two contents apart."""
    return f'"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}"'


def send_file(request: Request, path: Path, media_type: str, save_as: str | None = None) -> Response:
    """Return a file, a range of it, or 304. save_as: the name to save it under; None shows it in the browser.

    Raises NoSuchRange. A Range that cannot be understood, or that names several ranges, is ignored, as RFC 9110 allows.
    """
    facts = path.stat()
    etag = etag_of(facts)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    if not is_range_usable(request.headers.get("range"), facts.st_size):
        request.scope["headers"] = [(n, v) for n, v in request.scope["headers"] if n != b"range"]
    return Download(path, 200, headers, media_type, filename=save_as, stat_result=facts)


def is_range_usable(text: str | None, size: int) -> bool:
    """Return True if the header names one range that can be read. Raises NoSuchRange for one outside of the file.

    >>> is_range_usable("bytes=0-9", 100), is_range_usable("bytes=9-0", 100), is_range_usable("lines=1-2", 100)
    (True, False, False)
    """
    found = _RANGE.fullmatch(text or "")
    if found is None or len(found[1]) > 18 or len(found[2]) > 18 or not (found[1] or found[2]):
        return False
    if not found[1]:
        if int(found[2]) == 0 or size == 0:
            raise NoSuchRange(size)
        return True
    if found[2] and int(found[2]) < int(found[1]):
        return False
    if int(found[1]) >= size:
        raise NoSuchRange(size)
    return True


def is_known(header: str | None, etag: str) -> bool:
    """Return True if an If-None-Match names this ETag."""
    known = [part.strip().removeprefix("W/") for part in (header or "").split(",")]
    return etag in known or known == ["*"]
