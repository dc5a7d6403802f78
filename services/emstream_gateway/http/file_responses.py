"""Files as answers: a strong ETag, 304 for a current copy, one Range, a name to save under."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response

from emstream.api.problems import NoSuchRange

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE | re.ASCII)


class Download(FileResponse):
    """A file sent in blocks of 1 MiB: each block is a hop to a thread, and small ones halve the rate."""

    chunk_size = 1 << 20


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
