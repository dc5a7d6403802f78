"""The plain page at /: jobs and the API. Its files lie in web/, nothing is loaded from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, RedirectResponse, Response

from services.gateway.access import COOKIE, recognise
from services.gateway.answers import open_problems
from services.gateway.parts import PartsOf
from services.gateway.problems import NoKey

router = APIRouter(include_in_schema=False)
WEB = Path(__file__).parent / "web"
FILES = {"page.css": "text/css", "page.js": "text/javascript"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}


@router.get("/", response_class=Response, responses=open_problems(401))
def page(parts: PartsOf, token: str | None = Query(None, max_length=200)) -> Response:
    """Show the page; with a token, keep it as a cookie and take it out of the address."""
    if token is None:
        return FileResponse(WEB / "index.html", headers=_HEADERS, media_type="text/html")
    if recognise(parts, token) is None:
        raise NoKey("this token is not known here: use the address that `emstream serve` printed at its latest start")
    response = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
    response.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return response


@router.get("/web/{name}", response_class=Response)
def page_file(name: str) -> Response:
    """Show a file of the page."""
    if name not in FILES:
        return Response(status_code=404)
    return FileResponse(WEB / name, headers=_HEADERS, media_type=FILES[name])
