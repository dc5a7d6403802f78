"""Middleware that every request passes: checks of host and origin, an id for the logs, headers of every answer."""

from __future__ import annotations

import logging
import time
import uuid
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emstream.api.problems import ForeignHost
from emstream.errors import AccessDenied
from emstream.logs import bound
from emstream.settings import Settings
from emstream_gateway.http.bodies import IS_HEAD
from emstream_gateway.http.error_handlers import problem_of

logger = logging.getLogger(__name__)
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class ForeignOrigin(AccessDenied):
    """A page of another site sent a request that changes something."""


def known_hosts(settings: Settings) -> frozenset[str]:
    """Return the host names that the server answers to."""
    further = (name.strip().lower().strip("[]") for name in settings.allowed_hosts.split(","))
    return LOOPBACK | {settings.host.lower().strip("[]")} | {name for name in further if name}


def check_host(host: str, known: frozenset[str]) -> None:
    """Raise ForeignHost if a page elsewhere made its own name point here (DNS rebinding)."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if name not in known:
        raise ForeignHost(
            f"this server is not {host[:100]!r}: ask it under {', '.join(sorted(known))}, "
            "or add the name to EMSTREAM_ALLOWED_HOSTS"
        )


def check_origin(headers: Headers) -> None:
    """Raise ForeignOrigin if a page of another site sent the request."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    is_own = origin is None or urlsplit_or_empty(origin) == headers.get("host", "").lower()
    if not is_own or site == "cross-site":
        raise ForeignOrigin(
            f"a page of {origin or 'another site'!r} may not change anything here: use this server's page or API"
        )


def urlsplit_or_empty(origin: str) -> str:
    """Return an origin's host and port, empty for one without ("null")."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


class Guard:
    """The middleware; see the module's text."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._known = app, known_hosts(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = uuid.uuid4().hex[:16]
        began, status = time.monotonic(), 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = scope["request_id"]
            await send(message)

        with bound(request=scope["request_id"]):
            await self._pass(scope, receive, send_on)
            facts = {"method": scope["method"], "path": scope.get("raw_path", b"").decode("latin-1"), "status": status}
            logger.info("answered", extra={**facts, "seconds": round(time.monotonic() - began, 4)})

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            check_host(headers.get("host", ""), self._known)
            if scope["method"] not in SAFE_METHODS:
                check_origin(headers)
        except AccessDenied as error:
            await problem_of(Request(scope), error)(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET", IS_HEAD: True}, receive, without_body(send))
            return
        await self._app(scope, receive, send)


def without_body(send: Send) -> Send:
    """Return a `send` that passes the head of an answer on, and an empty body."""
    is_sent = False

    async def send_head(message: Message) -> None:
        nonlocal is_sent
        if message["type"] == "http.response.body":
            if is_sent:
                return
            is_sent = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return send_head
