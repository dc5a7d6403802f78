"""Authentication: API keys with owners and scopes, the token of `emstream serve`, and sessions of browsers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

import anyio
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from emstream.api.problems import NoKey
from emstream.api_keys import hash_of
from emstream.errors import AccessDenied
from emstream_gateway.context import AppContext, Context, Key

COOKIE = "emstream_session"
"""Name of a session's cookie; the port follows, as the services on a host share its cookies."""
LOCAL_OWNER = "local"

_bearer = HTTPBearer(auto_error=False, description="An API key, or the token that `emstream serve` prints.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False)
_cookie = APIKeyCookie(name=f"{COOKIE}_8080", auto_error=False, description="A session, by POST /session; per port.")


@dataclass(frozen=True, slots=True)
class Caller:
    """The key that a request came with."""

    owner: str
    scopes: Collection[str]


LOCAL = Caller(LOCAL_OWNER, ("read", "write"))


def recognise(context: AppContext, secret: str) -> Key | None:
    """Return the key with this secret, or None."""
    if context.token and hmac.compare_digest(secret.encode(errors="replace"), context.token.encode()):
        return LOCAL
    return context.keys.check(secret) if context.keys else None


def recognise_session(context: AppContext, cookie: str) -> Key | None:
    """Return the key of a session, or None if it has ended, or its key was removed."""
    is_key = context.sessions.key_of(cookie)
    if is_key is None:
        return None
    if context.token and is_key(hash_of(context.token)):
        return LOCAL
    return context.keys.find(is_key) if context.keys else None


async def look_at(context: AppContext, request: Request, secret: str) -> Key | None:
    """Return the key with this secret, or None; where many were unknown, after a wait. Raises TooManyGuesses."""
    address, key_sha256 = request.client.host if request.client else "", hash_of(secret)
    wait_s = context.guesses.wait_s(address, key_sha256)
    if wait_s:
        await anyio.sleep(wait_s)
    found = recognise(context, secret)
    context.guesses.note(address, key_sha256, found is not None)
    return found


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie under the host and port that the browser asks."""
    try:
        port = urlsplit(f"//{request.headers.get('host', '')}").port
    except ValueError:
        port = None
    return COOKIE if port is None else f"{COOKIE}_{port}"


def check_may_make(caller: Key) -> None:
    """Raise AccessDenied for a key that only reads, where a request would have a file made."""
    if "write" not in caller.scopes:
        raise AccessDenied("the file is not made yet, and this key may only read: ask with one that may write")


def _need(scope: str) -> Callable[..., Awaitable[Key]]:
    async def check(
        context: Context,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        header: Annotated[str | None, Security(_header)],
        _: Annotated[str | None, Security(_cookie)],
    ) -> Key:
        secret = (bearer.credentials if bearer else None) or header
        session = request.cookies.get(cookie_name(request), "")
        caller = await look_at(context, request, secret) if secret else recognise_session(context, session)
        if caller is None:
            given = "the key given is not known here" if secret else "no key was given"
            raise NoKey(
                f"{given}: send `Authorization: Bearer KEY` with a key of this server, or the token that it printed"
            )
        if scope not in caller.scopes:
            raise AccessDenied(f"this key may not {scope}: use one that may (emstream keys add --scope {scope})")
        request.state.owner = caller.owner
        request.state.is_known = lambda: (
            (recognise(context, secret) if secret else recognise_session(context, session)) is not None
        )
        return caller

    return check


ReadKey = Annotated[Key, Depends(_need("read"))]
"""Key of a request that may read jobs."""
WriteKey = Annotated[Key, Depends(_need("write"))]
"""Key of a request that may make and change jobs."""
