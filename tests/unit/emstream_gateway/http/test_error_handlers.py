"""Errors as problems: status, code, sentence, headers, and further members."""

from __future__ import annotations

import json

import pytest
from fastapi import Request

from emstream.api.problems import FieldProblem, NoKey, NoSuchRange, NotReady, StaleOffset, TooManyJobs, WrongFields
from emstream.errors import BrokerUnavailable, DiskFull, JobNotFound, VolumeDamaged
from emstream_gateway.http.error_handlers import field_problems, problem_of, problem_response

REQUEST = Request(
    {"type": "http", "method": "GET", "path": "/v1/jobs/x", "query_string": b"", "headers": [], "request_id": "r1"}
)


def told(error: Exception, **further: object) -> dict[str, object]:
    answer = problem_of(REQUEST, error, **further)
    assert answer.media_type == "application/problem+json"
    found: dict[str, object] = json.loads(bytes(answer.body))
    assert found["status"] == answer.status_code
    return found


def test_a_problem_says_what_where_and_which_request() -> None:
    assert told(JobNotFound("there is no job 'x'")) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no job 'x'",
        "instance": "/v1/jobs/x",
        "code": "not_found",
        "request_id": "r1",
    }


def test_errors_with_more_than_a_sentence_show_it() -> None:
    assert told(StaleOffset("go on at 3", 3))["received"] == 3
    fields = [FieldProblem(field="z", sentence="too deep")]
    assert told(WrongFields(fields))["errors"] == [{"field": "z", "sentence": "too deep"}]
    assert told(NotReady("x"), datasets=["raw"])["datasets"] == ["raw"]


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (NoKey("x"), "www-authenticate", 'Bearer realm="emstream"'),
        (TooManyJobs("x"), "retry-after", "30"),
        (BrokerUnavailable("x"), "retry-after", "2"),
        (DiskFull("x"), "retry-after", "60"),
        (NoSuchRange(10), "content-range", "bytes */10"),
    ],
)
def test_headers_go_with_the_status(error: Exception, header: str, value: str) -> None:
    assert problem_of(REQUEST, error).headers[header] == value


def test_failures_of_the_service_are_logged_and_refusals_are_not(caplog: pytest.LogCaptureFixture) -> None:
    problem_of(REQUEST, JobNotFound("x"))
    assert caplog.records == []
    problem_of(REQUEST, VolumeDamaged("broken"))
    assert [record.message for record in caplog.records] == ["request failed"]


def test_a_title_is_the_status_in_words() -> None:
    answer = problem_response(REQUEST, 418, "teapot", "no coffee")
    assert json.loads(bytes(answer.body))["title"] == "I'm a Teapot"


def test_wrong_fields_are_named_by_their_path() -> None:
    errors = [{"loc": ("body", "z", 0), "msg": "too deep"}, {"loc": (), "msg": "no JSON"}]
    assert [(field.field, field.sentence) for field in field_problems(errors)] == [
        ("body.z.0", "too deep"),
        ("body", "no JSON"),
    ]
