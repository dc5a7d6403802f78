"""Address and key of the service: given, from the environment, or of the one that runs on this machine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from emstream.errors import ServiceUnavailable, UsageError
from emstream.settings import read_settings

SERVER_FILE = "server.json"
"""In the data folder of a running `emstream serve`: its url, token and pid."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Address:
    """url: without a slash at its end. key: an API key or the token of this start; empty = none."""

    url: str
    key: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """True for an address of this machine."""
        return urlsplit(self.url).hostname in LOOPBACK


def find_service(url: str | None = None, key: str | None = None, data: Path | None = None) -> Address:
    """Return the address given, else that of EMSTREAM_URL and EMSTREAM_KEY, else of the service that runs here.

    url: may carry its token, as `emstream serve` prints it. data: the data folder to look in.
    Raises UsageError for a wrong address, ServiceUnavailable if no service is known.
    """
    settings = read_settings()
    url, key = url or settings.url or None, key or settings.key or None
    if url is None:
        here = read_server_file(data or settings.data)
        return Address(here.url, key or here.key)
    address = parse_url(url)
    return Address(address.url, key or address.key or _token_here(address.url, data))


def parse_url(url: str) -> Address:
    """Return the address in a URL, with or without #token= or ?token=. Raises UsageError.

    >>> parse_url("http://127.0.0.1:8080/#token=abc")
    Address(url='http://127.0.0.1:8080')
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"the service's URL must be like http://127.0.0.1:8080, got {url!r}")
    token = parse_qs(parts.fragment or parts.query).get("token", [""])[0]
    return Address(f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/"), token)


def read_server_file(data: Path) -> Address:
    """Return the address of the service that runs in a data folder. Raises ServiceUnavailable if none does."""
    path = data / SERVER_FILE
    try:
        content = json.loads(path.read_text())
        address, pid = Address(str(content["url"]), str(content["token"])), int(content["pid"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ServiceUnavailable(
            f"no service runs in {data}: start one with `emstream serve`, or name one by --url and --key, "
            "or by EMSTREAM_URL and EMSTREAM_KEY"
        ) from error
    if not _is_alive(pid):
        raise ServiceUnavailable(f"the service of {data} has ended: start it again with `emstream serve`")
    return address


def _token_here(url: str, data: Path | None) -> str:
    try:
        here = read_server_file(data or read_settings().data)
    except ServiceUnavailable:
        return ""
    return here.key if here.url == url else ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
