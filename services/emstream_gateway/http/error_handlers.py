"""Refusals as the caller sees them: RFC 9457 problem+json with a code, and a sentence that says what to do.

One table turns emstream's errors into status codes. The classes here exist only where HTTP needs more than a sentence:
a header, or a further member of the problem.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from emstream.errors import (
    AccessDenied,
    BrokerUnavailable,
    DiskFull,
    EmstreamError,
    InputUnreadable,
    JobNotFound,
    TooMuch,
    UnknownObject,
    UploadConflict,
    UploadRefused,
    UsageError,
)

logger = logging.getLogger(__name__)
PROBLEM = "application/problem+json"


class FieldProblem(BaseModel):
    """One wrong field of a request."""

    field: str
    sentence: str


class Problem(BaseModel):
    """Why a request was refused, and what to do (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None


class WrongFields(UploadRefused):
    """Fields of the request are wrong. fields: each with its sentence."""

    def __init__(self, fields: list[FieldProblem]) -> None:
        super().__init__("; ".join(f"{f.field}: {f.sentence}" for f in fields) or "the request is not valid")
        self.fields = fields


class StaleOffset(UploadConflict):
    """The bytes sent do not continue what has arrived. received: the offset to go on from."""

    def __init__(self, sentence: str, received: int) -> None:
        super().__init__(sentence)
        self.received = received


class TooManyJobs(TooMuch):
    """The key has as many unfinished jobs as allowed."""


class NoKey(AccessDenied):
    """No key was given, or one that is not known."""


class ForeignHost(AccessDenied):
    """The server was asked under a name that is not its own."""


class NotReady(UploadConflict):
    """What is asked for cannot be given in the job's present state."""


class SectionNotReady(JobNotFound):
    """A section, or a layer of it, is not there yet."""


class WrongContent(UploadRefused):
    """The body is of a type that is not taken here."""


class Unreadable(UploadRefused):
    """The body is not what its content type says."""


class TooSlow(UploadRefused):
    """The body stopped arriving."""


class NoSuchRange(UploadRefused):
    """The Range asked for lies outside of the file. size: of the file."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range asked for lies outside of the file, which has {size} bytes: ask within it")
        self.size = size


STATUS: dict[type[Exception], tuple[int, str]] = {
    Unreadable: (400, "unreadable_body"),
    NoKey: (401, "no_key"),
    AccessDenied: (403, "not_allowed"),
    SectionNotReady: (404, "section_not_ready"),
    JobNotFound: (404, "not_found"),
    TooSlow: (408, "too_slow"),
    NotReady: (409, "wrong_state"),
    StaleOffset: (409, "wrong_offset"),
    UploadConflict: (409, "conflict"),
    TooMuch: (413, "too_much"),
    WrongContent: (415, "wrong_content_type"),
    NoSuchRange: (416, "no_such_range"),
    ForeignHost: (421, "foreign_host"),
    WrongFields: (422, "wrong_fields"),
    UnknownObject: (422, "unknown_object"),
    UploadRefused: (422, "upload_refused"),
    UsageError: (422, "wrong_request"),
    InputUnreadable: (422, "unreadable_input"),
    TooManyJobs: (429, "too_many_jobs"),
    BrokerUnavailable: (503, "broker_unavailable"),
    DiskFull: (507, "no_room"),
    EmstreamError: (500, "failed"),
}
"""Error -> (status, code); of several that fit, the nearest class counts."""

HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="emstream"'},
    429: {"Retry-After": "30"},
    503: {"Retry-After": "2"},
    507: {"Retry-After": "60"},
}


def problem_response(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Response:
    """Return a problem. members: further ones, such as `received`."""
    problem = Problem.model_validate(
        {
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": detail,
            "instance": request.url.path,
            "code": code,
            "request_id": str(request.scope.get("request_id", "")),
            **members,
        }
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status, {**HEADERS.get(status, {}), **(headers or {})}, media_type=PROBLEM)


def problem_of(request: Request, error: Exception, **further: object) -> Response:
    """Return the problem that an error of emstream is. further: members of the problem."""
    status, code = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    members = dict(further)
    headers: dict[str, str] = {}
    match error:
        case WrongFields():
            members["errors"] = error.fields
        case StaleOffset():
            members["received"] = error.received
        case NoSuchRange():
            headers["Content-Range"] = f"bytes */{error.size}"
    if status >= 500:
        logger.warning("request failed", extra={"path": request.url.path, "status": status, "sentence": str(error)})
    return problem_response(request, status, code, str(error), headers, **members)


def add_problem_handlers(app: FastAPI) -> None:
    """Turn every error into a problem: emstream's own, the framework's, and mistakes of ours."""

    async def ours(request: Request, error: Exception) -> Response:
        return problem_of(request, error)

    async def fields(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_of(request, WrongFields(field_problems(error.errors())))

    async def frameworks(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        detail = f"{request.method} {request.url.path}: {error.detail}. /openapi.json lists what there is"
        return problem_response(request, error.status_code, code, detail, error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return problem_of(request, Unreadable("the connection ended before the whole body had arrived: send it again"))

    async def away(request: Request, error: Exception) -> Response:
        sentence = "the broker does not answer for the moment: nothing is lost, ask again in some seconds"
        return problem_of(request, BrokerUnavailable(sentence))

    async def mistake(request: Request, error: Exception) -> Response:
        logger.error("mistake in the gateway", exc_info=error, extra={"path": request.url.path})
        sentence = "this is a mistake in emstream: please report it with the request_id and the gateway's log"
        return problem_response(request, 500, "mistake", sentence)

    app.add_exception_handler(EmstreamError, ours)
    app.add_exception_handler(redis.RedisError, away)
    app.add_exception_handler(Exception, mistake)
    app.add_exception_handler(RequestValidationError, fields)
    app.add_exception_handler(HTTPException, frameworks)
    app.add_exception_handler(ClientDisconnect, gone)


def field_problems(errors: Iterable[Any]) -> list[FieldProblem]:
    """Return pydantic's list of errors as sentences."""
    found = []
    for error in errors:
        place = ".".join(str(part) for part in error["loc"]) or "body"
        found.append(FieldProblem(field=place, sentence=str(error["msg"])))
    return found
