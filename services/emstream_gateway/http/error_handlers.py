"""Errors as answers: each becomes a problem by the table of `emstream.api.problems`, with its headers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from emstream.api.problems import (
    HEADERS,
    PROBLEM,
    FieldProblem,
    NoSuchRange,
    Problem,
    StaleOffset,
    Unreadable,
    WrongFields,
    refusal_of,
)
from emstream.errors import BrokerUnavailable, EmstreamError

logger = logging.getLogger(__name__)


def problem_response(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Response:
    """Return a problem. members: further members, such as `received`."""
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
    """Return an error of emstream as a problem. further: members of the problem."""
    refusal = refusal_of(error)
    members = dict(further)
    headers: dict[str, str] = {}
    match error:
        case WrongFields():
            members["errors"] = error.fields
        case StaleOffset():
            members["received"] = error.received
        case NoSuchRange():
            headers["Content-Range"] = f"bytes */{error.size}"
    if refusal.status >= 500:
        facts = {"path": request.url.path, "status": refusal.status, "sentence": str(error)}
        logger.warning("request failed", extra=facts)
    return problem_response(request, refusal.status, refusal.code, str(error), headers, **members)


def add_problem_handlers(app: FastAPI) -> None:
    """Turn every error into a problem: emstream's own, the framework's, and our bugs."""

    async def ours(request: Request, error: Exception) -> Response:
        return problem_of(request, error)

    async def fields(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_of(request, WrongFields(field_problems(error.errors())))

    async def frameworks(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        detail = f"{request.method} {request.url.path}: {error.detail}. /openapi.json lists the routes"
        return problem_response(request, error.status_code, code, detail, error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return problem_of(request, Unreadable("the connection ended before the whole body had arrived: send it again"))

    async def away(request: Request, error: Exception) -> Response:
        sentence = "the broker does not answer at the moment: nothing is lost, ask again in some seconds"
        return problem_of(request, BrokerUnavailable(sentence))

    async def mistake(request: Request, error: Exception) -> Response:
        logger.error("mistake in the gateway", exc_info=error, extra={"path": request.url.path})
        sentence = "this is a mistake in emstream: please report it with the request_id and the gateway's log"
        return problem_response(request, 500, "mistake", sentence)

    app.add_exception_handler(EmstreamError, ours)
    app.add_exception_handler(BrokerUnavailable, away)
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
