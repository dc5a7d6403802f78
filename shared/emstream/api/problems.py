"""Refusals of the API: RFC 9457 problem+json with a code, and a sentence that says what to do.

One table turns emstream's errors into status codes. The classes here exist only where HTTP needs more than a sentence:
a header, or a further member of the problem.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

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
