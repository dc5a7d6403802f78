"""The page at /: upload, predict, see, measure, save. Its files are in web/, nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from emstream.api.problems import NoKey
from emstream.api_keys import hash_of
from emstream_gateway.auth import cookie_name, look_at
from emstream_gateway.context import Context
from emstream_gateway.http.bodies import form_body, json_body
from emstream_gateway.sessions import SESSION_S

router = APIRouter(include_in_schema=False)
WEB = Path(__file__).parents[1] / "web"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""Files of other suffixes (licences, checksums) are not served."""
OPENSEADRAGON_STYLE = "'sha256-9xTiqzfwFaL2SGb1rmr8gysEwVVjIvqWAgmZgqFqpEE='"
"""Hash of the one inline style: a rule for touch screens that OpenSeadragon 6.1.1 adds. No other style passes."""
POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {OPENSEADRAGON_STYLE}; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy. blob: and data: are for pictures that the viewer decodes or draws itself."""


SIGN_IN_BYTES = 4096
"""Size of the longest sign-in: anybody may send one."""


class SignIn(BaseModel):
    """The body of a sign-in. key: an API key, or the token of `emstream serve`."""

    key: str = Field(min_length=1, max_length=200)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page as it is sent."""

    content: bytes
    media_type: str
    tag: str

    def answer(self, known: str | None) -> Response:
        """Return the file, or 304 to a browser that has it. known: the If-None-Match it sent."""
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "ETag": self.tag}
        if known == self.tag:
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)


def read_files(folder: Path) -> dict[str, PageFile]:
    """Return the files under a folder by their relative names; half a megabyte in all."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in TYPES:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[path.relative_to(folder).as_posix()] = PageFile(content, TYPES[path.suffix], tag)
    return found


FILES = read_files(WEB)


@router.get("/", response_class=Response)
def page(
    token: str | None = Query(None, max_length=200),
    if_none_match: str | None = Header(None),
    sec_fetch_site: str | None = Header(None),
) -> Response:
    """Show the page. A token in the query moves behind the #, which stays in the browser, and signs in there.

    Opened from another site, or from another port of this host, the page is marked: it then takes no token from its
    address, so that no other site can sign a visitor in with a key of their own.
    """
    if token is not None:
        return RedirectResponse(f"./#token={quote(token, safe='')}", 303, {"Cache-Control": "no-store"})
    if sec_fetch_site in ("cross-site", "same-site"):
        content = FILES["index.html"].content.replace(b"<html", b'<html data-from="elsewhere"', 1)
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return Response(content, headers=headers, media_type="text/html")
    return FILES["index.html"].answer(if_none_match)


@router.post("/session", status_code=204, response_class=Response)
async def sign_in(request: Request, context: Context) -> Response:
    """Begin a session: JSON {"key": ...}, or a form. The cookie that it sets is not the key."""
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body = await (form_body if is_form else json_body)(request, SignIn, SIGN_IN_BYTES)
    if await look_at(context, request, body.key) is None:
        raise NoKey(
            "this token or key is not known here: use the address that `emstream serve` printed, or a key of "
            "`emstream keys add`"
        )
    response = RedirectResponse("./", 303) if is_form else Response(status_code=204)
    response.set_cookie(
        cookie_name(request),
        context.sessions.make(hash_of(body.key)),
        max_age=SESSION_S,
        httponly=True,
        samesite="strict",
        secure=is_by_tls(request),
        path="/",
    )
    return response


@router.get("/session", response_class=Response)
def enter() -> Response:
    """Lead to the page: an address with a token is replaced by another one, which the browser remembers instead."""
    return RedirectResponse("./", 303, {"Cache-Control": "no-store"})


@router.delete("/session", status_code=204, response_class=Response)
def sign_out(request: Request) -> Response:
    """End the session of this browser."""
    response = Response(status_code=204)
    response.delete_cookie(cookie_name(request), httponly=True, samesite="strict", secure=is_by_tls(request), path="/")
    return response


def is_by_tls(request: Request) -> bool:
    """Return True if the browser speaks TLS, here or with a proxy in between: by its Origin, or the proxy's word."""
    origin, forwarded = request.headers.get("origin", ""), request.headers.get("x-forwarded-proto", "")
    return "https" in (request.url.scheme, urlsplit_scheme(origin), forwarded.split(",")[0].strip().lower())


def urlsplit_scheme(origin: str) -> str:
    """Return an origin's scheme, empty for one without ("null")."""
    return origin.partition("://")[0].lower() if "://" in origin else ""


@router.get("/web/{name:path}", response_class=Response)
def page_file(name: str, if_none_match: str | None = Header(None)) -> Response:
    """Show a file of the page."""
    if name not in FILES:
        return Response(status_code=404)
    return FILES[name].answer(if_none_match)
