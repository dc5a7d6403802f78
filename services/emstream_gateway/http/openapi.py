"""Answers as the OpenAPI document lists them, with an example of each status; and models sent as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from emstream.api.jobs import JobSettings, NewJob
from emstream.api.problems import BY_STATUS, MEANINGS, PROBLEM, Problem
from emstream.api.results import ExportWish
from emstream.api.schemas import SAMPLE_ID
from emstream.version import __version__

Responses = dict[int | str, dict[str, Any]]
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_ALWAYS = (401, 403, 421, 429)


def refusals(*statuses: int) -> Responses:
    """Return the refusals of a route, with the ones of every route: key, right, host, guesses."""
    return {status: _example(status) for status in sorted({*_ALWAYS, *statuses})}


def open_refusals(*statuses: int) -> Responses:
    """Return the refusals of a route that needs no key."""
    return {status: _example(status) for status in sorted({421, *statuses})}


def _example(status: int) -> dict[str, Any]:
    refusal, description = BY_STATUS[status], MEANINGS[status]
    example = {
        "type": "about:blank",
        "title": description,
        "status": status,
        "detail": refusal.example,
        "instance": f"/v1/jobs/{SAMPLE_ID}",
        "code": refusal.code,
        "request_id": "5f0c1d2e3a4b5c6d",
    }
    return {"description": description, "content": {PROBLEM: {"schema": PROBLEM_REF, "example": example}}}


def returns(model: type[BaseModel], description: str, status: int = 200, headers: tuple[str, ...] = ()) -> Responses:
    """Return the answer with a JSON body."""
    shown = {name: {"schema": {"type": "string"}, "description": HEADER_TEXT[name]} for name in headers}
    return {status: {"model": model, "description": description, "headers": shown}}


def returns_file(*media_types: str) -> Responses:
    """Return the answers of a route that sends a file."""
    binary, is_json = {"type": "string", "format": "binary"}, "application/json"
    content = {kind: {"schema": {"type": "object"} if kind == is_json else binary} for kind in media_types}
    shown = {n: {"schema": {"type": "string"}, "description": HEADER_TEXT[n]} for n in ("ETag", "Content-Range")}
    return {
        200: {"description": "The file", "content": content, "headers": {"ETag": shown["ETag"]}},
        206: {"description": "The requested range", "content": content, "headers": shown},
        304: {"description": "The copy with this ETag is current"},
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
