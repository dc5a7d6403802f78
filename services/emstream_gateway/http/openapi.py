"""The answers as the OpenAPI document lists them: what each status means, with an example; and how JSON is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from emstream.api.problems import PROBLEM, Problem
from emstream.api.schemas import SAMPLE_ID, ExportWish, JobSettings, NewJob
from emstream.version import __version__

Responses = dict[int | str, dict[str, Any]]
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_EXAMPLES: dict[int, tuple[str, str, str]] = {
    400: ("unreadable_body", "The body cannot be read", "the body is no JSON (line 1): send JSON"),
    401: ("no_key", "No key, or an unknown one", "no key was given: send `Authorization: Bearer KEY`"),
    403: ("not_allowed", "The key, or the page, may not do this", "this key may not write: use one that may"),
    404: ("not_found", "There is no such job, or it belongs to another key", "there is no job 'x' of this key"),
    408: ("too_slow", "The body stopped arriving", "nothing arrived for 60 s: go on at the offset reached"),
    409: ("conflict", "Not in the job's present state, or at this offset", "1024 bytes have arrived, not 0"),
    413: ("too_much", "More files or bytes than allowed", "the upload has more than 8192 files"),
    415: ("wrong_content_type", "The body is of another type", "send multipart/form-data or application/json"),
    416: ("no_such_range", "The range lies outside of the file", "the file has 10 bytes: ask within it"),
    421: ("foreign_host", "The Host is not this server's", "this server is not 'evil.example'"),
    422: ("wrong_fields", "The request has wrong values", "no recipe finds 'cats'; there are: mitochondria"),
    429: ("too_many_jobs", "Too many unfinished jobs", "this key has 1000 unfinished jobs: wait for some to finish"),
    503: ("broker_unavailable", "A part of the service is away", "the broker does not answer: try again soon"),
    507: ("no_room", "No room on the disk, or for this key", "the server's disk has 1.9 GB free and keeps 2.0 GB"),
}
_ALWAYS = (401, 403, 421)


def refusals(*statuses: int) -> Responses:
    """Return the problems that a route may answer, and those that every one may: key, right, host."""
    return {status: _problem(status) for status in sorted({*_ALWAYS, *statuses})}


def open_refusals(*statuses: int) -> Responses:
    """Return the problems of a route that needs no key."""
    return {status: _problem(status) for status in sorted({421, *statuses})}


def _problem(status: int) -> dict[str, Any]:
    code, description, detail = _EXAMPLES[status]
    example = {
        "type": "about:blank",
        "title": description,
        "status": status,
        "detail": detail,
        "instance": f"/v1/jobs/{SAMPLE_ID}",
        "code": code,
        "request_id": "5f0c1d2e3a4b5c6d",
    }
    return {"description": description, "content": {PROBLEM: {"schema": PROBLEM_REF, "example": example}}}


def returns(model: type[BaseModel], description: str, status: int = 200, headers: tuple[str, ...] = ()) -> Responses:
    """Return the answer with a JSON body."""
    shown = {name: {"schema": {"type": "string"}, "description": HEADER_TEXT[name]} for name in headers}
    return {status: {"model": model, "description": description, "headers": shown}}


def returns_file(*media_types: str) -> Responses:
    """Return what a route that hands out a file may answer."""
    binary, is_json = {"type": "string", "format": "binary"}, "application/json"
    content = {kind: {"schema": {"type": "object"} if kind == is_json else binary} for kind in media_types}
    shown = {n: {"schema": {"type": "string"}, "description": HEADER_TEXT[n]} for n in ("ETag", "Content-Range")}
    return {
        200: {"description": "The file", "content": content, "headers": {"ETag": shown["ETag"]}},
        206: {"description": "The range asked for", "content": content, "headers": shown},
        304: {"description": "The copy with this ETag is still right"},
    }


HEADER_TEXT = {
    "Location": "Where the job is.",
    "Retry-After": "Seconds to wait before asking again.",
    "ETag": "Strong: changes whenever the bytes do.",
    "Content-Range": "Which bytes of how many.",
}


def as_json(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a model as JSON. Serialised here, in the route's own thread: a job may list thousands of files."""
    return Response(model.model_dump_json(), status, headers, media_type="application/json")


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title="emstream",
            version=__version__,
            description="Send stacks of electron-microscopy sections; get masks back. Errors are RFC 9457 problems.",
            routes=app.routes,
        )
        _, extra = models_json_schema(
            [(model, "validation") for model in (Problem, NewJob, JobSettings, ExportWish)],
            ref_template="#/components/schemas/{model}",
        )
        document["components"]["schemas"] |= extra["$defs"]
        app.openapi_schema = document
    return app.openapi_schema
