"""The table of refusals: complete, without doubles, and the same to the gateway and to the client."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus

import pytest

from emstream import errors
from emstream.api.problems import (
    BY_STATUS,
    HEADERS,
    MEANINGS,
    REFUSALS,
    FieldProblem,
    NoSuchRange,
    NotReady,
    Problem,
    Refusal,
    StaleOffset,
    WrongFields,
    refusal_of,
)
from emstream.errors import EmstreamError, JobFailed, TooMuch, UploadConflict, UploadRefused, VolumeDamaged

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, EmstreamError)]


def test_no_code_and_no_error_stands_twice() -> None:
    assert set(Counter(refusal.code for refusal in REFUSALS).values()) == {1}
    assert set(Counter(refusal.error for refusal in REFUSALS).values()) == {1}


def test_rows_are_in_the_order_of_their_statuses_each_with_its_meaning() -> None:
    statuses = [refusal.status for refusal in REFUSALS]
    assert statuses == sorted(statuses)
    assert set(statuses) == set(MEANINGS) == set(BY_STATUS)
    assert set(HEADERS) <= set(statuses)
    assert all(HTTPStatus(status) >= HTTPStatus.BAD_REQUEST for status in statuses)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_of_emstream_has_a_row(kind: type[EmstreamError]) -> None:
    found = refusal_of(kind("a sentence"))
    assert issubclass(kind, found.error) or kind is EmstreamError


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UploadConflict("x"), 409, "conflict"),
        (NotReady("x"), 409, "wrong_state"),
        (StaleOffset("x", 3), 409, "wrong_offset"),
        (TooMuch("x"), 413, "too_much"),
        (VolumeDamaged("x"), 500, "failed"),
        (ValueError("x"), 500, "failed"),
    ],
)
def test_the_nearest_class_counts(error: Exception, status: int, code: str) -> None:
    assert (refusal_of(error).status, refusal_of(error).code) == (status, code)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_the_client_gets_a_class_that_a_caller_of_the_library_knows(refusal: Refusal) -> None:
    assert issubclass(refusal.error, refusal.public_error)
    assert refusal.public_error in ERRORS
    assert str(refusal.public_error(refusal.example)) == refusal.example


def test_errors_with_more_than_a_sentence_keep_it() -> None:
    fields = [FieldProblem(field="z", sentence="too deep"), FieldProblem(field="y", sentence="too wide")]
    assert str(WrongFields(fields)) == "z: too deep; y: too wide"
    assert str(WrongFields([])) == "the request is not valid"
    assert StaleOffset("go on at 3", 3).received == 3
    assert "10 bytes" in str(NoSuchRange(10))
    assert issubclass(NoSuchRange, UploadRefused)


def test_a_problem_keeps_further_members() -> None:
    said = {"title": "Conflict", "status": 409, "detail": "x", "instance": "/", "code": "c", "request_id": "1"}
    problem = Problem.model_validate({**said, "received": 7})
    assert problem.model_dump(exclude_none=True) == {"type": "about:blank", **said, "received": 7}


def test_a_failure_without_a_row_of_its_own_is_one_of_the_service() -> None:
    assert refusal_of(EmstreamError("x")).error is JobFailed
