"""The page at /: upload, predict, see, measure, save. Its files are in web/, nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Header, Query
from fastapi.responses import RedirectResponse, Response

from emstream.api.problems import NoKey
from emstream_gateway.auth import COOKIE, recognise
from emstream_gateway.context import Context
from emstream_gateway.http.openapi import open_refusals

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


@router.get("/", response_class=Response, responses=open_refusals(401))
def page(
    context: Context, token: str | None = Query(None, max_length=200), if_none_match: str | None = Header(None)
) -> Response:
    """Show the page; with a token, keep it as a cookie and take it out of the address."""
    if token is None:
        return FILES["index.html"].answer(if_none_match)
    if recognise(context, token) is None:
        raise NoKey("this token is not known here: use the address that `emstream serve` printed at its latest start")
    response = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return response


@router.get("/web/{name:path}", response_class=Response)
def page_file(name: str, if_none_match: str | None = Header(None)) -> Response:
    """Show a file of the page."""
    if name not in FILES:
        return Response(status_code=404)
    return FILES[name].answer(if_none_match)
