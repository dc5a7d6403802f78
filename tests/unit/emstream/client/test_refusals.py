"""Refusals as errors: by their code, by their status, and answers that are none of emstream's."""

from __future__ import annotations

import httpx
import pytest

from emstream.client.http import error_of, retry_after_s
from emstream.errors import (
    AccessDenied,
    BrokerUnavailable,
    DiskFull,
    EmstreamError,
    InputUnreadable,
    JobFailed,
    JobNotFound,
    ServiceUnavailable,
    TooMuch,
    UnknownObject,
    UploadConflict,
    UploadRefused,
    UsageError,
)

CODES: dict[str, tuple[int, type[EmstreamError]]] = {
    "unreadable_body": (400, UploadRefused),
    "no_key": (401, AccessDenied),
    "not_allowed": (403, AccessDenied),
    "not_found": (404, JobNotFound),
    "section_not_ready": (404, JobNotFound),
    "wrong_state": (409, UploadConflict),
    "wrong_offset": (409, UploadConflict),
    "conflict": (409, UploadConflict),
    "too_much": (413, TooMuch),
    "foreign_host": (421, AccessDenied),
    "unknown_object": (422, UnknownObject),
    "wrong_fields": (422, UploadRefused),
    "unreadable_input": (422, InputUnreadable),
    "wrong_request": (422, UsageError),
    "too_many_jobs": (429, TooMuch),
    "failed": (500, JobFailed),
    "broker_unavailable": (503, BrokerUnavailable),
    "no_room": (507, DiskFull),
}


def answer(status: int, text: str = "", **members: object) -> httpx.Response:
    request = httpx.Request("GET", "http://service/v1/jobs?token=secret")
    if members:
        return httpx.Response(status, json=members, request=request)
    return httpx.Response(status, text=text, request=request)


@pytest.mark.parametrize("code", CODES)
def test_a_code_means_an_error_with_the_sentence_of_the_service(code: str) -> None:
    status, kind = CODES[code]
    error = error_of(answer(status, code=code, detail="a sentence"))
    assert (type(error), str(error)) == (kind, "a sentence")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UploadRefused),
        (401, AccessDenied),
        (404, JobNotFound),
        (409, UploadConflict),
        (418, UploadRefused),
        (422, UploadRefused),
        (429, TooMuch),
        (500, ServiceUnavailable),
        (502, ServiceUnavailable),
        (503, ServiceUnavailable),
        (507, DiskFull),
    ],
)
def test_a_code_that_is_not_known_counts_by_its_status(status: int, kind: type[EmstreamError]) -> None:
    assert type(error_of(answer(status, code="of_a_newer_service", detail="x"))) is kind
    assert type(error_of(answer(status, "<html>"))) is kind


@pytest.mark.parametrize("text", ["<html>no</html>", "", "[]", "{}", '"text"', "3"])
def test_another_server_is_named_without_the_token(text: str) -> None:
    error = error_of(answer(404, text))
    assert str(error).startswith("http://service/v1/jobs answered 404 Not Found, not as emstream does")
    assert "secret" not in str(error)


def test_a_long_answer_is_quoted_in_part() -> None:
    assert str(error_of(answer(404, "x" * 1000))).count("x") < 250


@pytest.mark.parametrize(("value", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None), (None, None)])
def test_the_pause_that_the_service_asks_for(value: str | None, seconds: float | None) -> None:
    headers = {} if value is None else {"Retry-After": value}
    assert retry_after_s(httpx.Response(503, headers=headers)) == seconds
