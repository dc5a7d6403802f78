"""Authentication: API keys with owners and scopes, and the token of this start, which means the owner "local"."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from emstream.api.problems import NoKey
from emstream.errors import AccessDenied
from emstream_gateway.context import AppContext, Context, Key

COOKIE = "emstream_token"
LOCAL_OWNER = "local"

_bearer = HTTPBearer(auto_error=False, description="An API key, or the token that `emstream serve` prints.")
_header = APIKeyHeader(name="X-API-Key", auto_error=False)
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Set by opening /?token=... in a browser.")


@dataclass(frozen=True, slots=True)
class Caller:
    """The key that a request came with."""

    owner: str
    scopes: Collection[str]


LOCAL = Caller(LOCAL_OWNER, ("read", "write"))


def recognise(context: AppContext, secret: str) -> Key | None:
    """Return the key with this secret, or None."""
    if context.token and hmac.compare_digest(secret.encode(), context.token.encode()):
        return LOCAL
    return context.keys.check(secret) if context.keys else None


def _need(scope: str) -> Callable[..., Awaitable[Key]]:
    async def check(
        context: Context,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
        header: Annotated[str | None, Security(_header)],
        cookie: Annotated[str | None, Security(_cookie)],
    ) -> Key:
        secret = (bearer.credentials if bearer else None) or header or cookie
        caller = recognise(context, secret) if secret else None
        if caller is None:
            given = "the key given is not known here" if secret else "no key was given"
            raise NoKey(
                f"{given}: send `Authorization: Bearer KEY` with a key of this server, or the token of its start"
            )
        if scope not in caller.scopes:
            raise AccessDenied(f"this key may not {scope}: use one that may (emstream keys add --scope {scope})")
        request.state.owner = caller.owner
        return caller

    return check


ReadKey = Annotated[Key, Depends(_need("read"))]
"""Key of a request that may read jobs."""
WriteKey = Annotated[Key, Depends(_need("write"))]
"""Key of a request that may make and change jobs."""
