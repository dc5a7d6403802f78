"""Refusals of the API: RFC 9457 problem+json with a code, and a sentence that says what to do.

REFUSALS is the one table: the gateway turns errors into answers by it, the OpenAPI document takes its examples from it,
and the client turns answers back into errors. The classes here exist only where HTTP needs more than a sentence: a
header, or a further member of the problem.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from emstream.errors import (
    AccessDenied,
    BrokerUnavailable,
    DiskFull,
    EmstreamError,
    InputUnreadable,
    JobFailed,
    JobNotFound,
    TooMuch,
    UnknownObject,
    UploadConflict,
    UploadRefused,
    UsageError,
    WrongVoxelSize,
)

PROBLEM = "application/problem+json"


class FieldProblem(BaseModel):
    """One wrong field of a request."""

    field: str
    sentence: str


class Problem(BaseModel):
    """Reason of a refusal, and what to do (RFC 9457)."""

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
    """Fields of the request are wrong. fields: each one with its sentence."""

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


class TooManyGuesses(TooMuch):
    """Too many unknown keys came from one address."""


class NoKey(AccessDenied):
    """No key was given, or one that is not known."""


class ForeignHost(AccessDenied):
    """The server was asked under a name that is not its own."""


class NotReady(UploadConflict):
    """The job's present state does not allow the request."""


class Outdated(UploadConflict):
    """The If-Match of a change does not hold: another change came first."""


class SectionNotReady(JobNotFound):
    """A section, or a layer of it, does not exist yet."""


class WrongContent(UploadRefused):
    """The body is of a type that this route does not read."""


class Unreadable(UploadRefused):
    """The body is not what its content type says."""


class TooSlow(UploadRefused):
    """The body stopped arriving."""


class NoSuchRange(UploadRefused):
    """The requested Range is outside of the file. size: bytes of the file."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the range is outside of the file, which has {size} bytes: ask within it")
        self.size = size


@dataclass(frozen=True, slots=True)
class Refusal:
    """One kind of refusal: HTTP status, code in the problem, error that the gateway raises, and an example sentence."""

    status: int
    code: str
    error: type[EmstreamError]
    example: str

    @property
    def public_error(self) -> type[EmstreamError]:
        """The nearest class of emstream.errors, which is made of a sentence alone: the client raises it."""
        return next(kind for kind in self.error.__mro__ if kind.__module__ == EmstreamError.__module__)


REFUSALS = (
    Refusal(400, "unreadable_body", Unreadable, "the body is no JSON (line 1): send JSON"),
    Refusal(401, "no_key", NoKey, "no key was given: send `Authorization: Bearer KEY`"),
    Refusal(403, "not_allowed", AccessDenied, "this key may not write: use one that may"),
    Refusal(404, "not_found", JobNotFound, "there is no job 'x' of this key"),
    Refusal(404, "section_not_ready", SectionNotReady, "section 7 is not there yet: it is still being stitched"),
    Refusal(408, "too_slow", TooSlow, "nothing arrived for 60 s: go on at the offset reached"),
    Refusal(409, "wrong_state", NotReady, "the job is running: there are masks once it is completed"),
    Refusal(409, "wrong_offset", StaleOffset, "1024 bytes have arrived, not 0: go on at offset 1024"),
    Refusal(409, "conflict", UploadConflict, "'s1.png' is being sent by a newer request: this one stops"),
    Refusal(412, "outdated", Outdated, "the thresholds were changed meanwhile: look at them again"),
    Refusal(413, "too_much", TooMuch, "the upload has more than 8192 files"),
    Refusal(415, "wrong_content_type", WrongContent, "send multipart/form-data or application/json"),
    Refusal(416, "no_such_range", NoSuchRange, "the file has 10 bytes: ask within it"),
    Refusal(421, "foreign_host", ForeignHost, "this server is not 'evil.example'"),
    Refusal(422, "wrong_fields", WrongFields, "quality: Input should be 'fast', 'balanced' or 'accurate'"),
    Refusal(422, "unknown_object", UnknownObject, "no recipe finds 'cats'; there are: mitochondria"),
    Refusal(422, "wrong_voxel_size", WrongVoxelSize, "pixels of 5.5 x 30 nm: confirm them by unequal_pixels"),
    Refusal(422, "upload_refused", UploadRefused, 'there are no files in the upload: call their parts "files"'),
    Refusal(422, "unreadable_input", InputUnreadable, "s1.png is no image: copy it again"),
    Refusal(422, "wrong_request", UsageError, "the layer 'spots' is sent as png only"),
    Refusal(429, "too_many_jobs", TooManyJobs, "this key has 1000 unfinished jobs: wait for some to finish"),
    Refusal(429, "too_many_guesses", TooManyGuesses, "too many unknown keys came from this address: wait a minute"),
    Refusal(500, "failed", JobFailed, "the file 00000.h5 of the job is damaged: retry the job"),
    Refusal(503, "broker_unavailable", BrokerUnavailable, "the broker does not answer: try again soon"),
    Refusal(507, "no_room", DiskFull, "the server's disk has 1.9 GB free and keeps 2.0 GB"),
)
"""All refusals. The first one of a status is its example in the OpenAPI document."""
BY_STATUS = {refusal.status: refusal for refusal in reversed(REFUSALS)}
MEANINGS = {
    400: "The body cannot be read",
    401: "No key, or an unknown one",
    403: "The key, or the page, may not do this",
    404: "There is no such job, or it belongs to another key",
    408: "The body stopped arriving",
    409: "Not in the job's present state, or at this offset",
    412: "Changed by another request since",
    413: "More files or bytes than allowed",
    415: "The body is of another type",
    416: "The range is outside of the file",
    421: "The Host is not this server's",
    422: "The request has wrong values",
    429: "Too many unfinished jobs, or too many unknown keys",
    500: "A failure in the service",
    503: "A part of the service is away",
    507: "No room on the disk, or for this key",
}
"""Statuses in words."""

HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="emstream"'},
    429: {"Retry-After": "30"},
    503: {"Retry-After": "2"},
    507: {"Retry-After": "60"},
}
"""Headers that go with a status."""


def refusal_of(error: Exception) -> Refusal:
    """Return the row of an error's nearest class.

    >>> refusal_of(JobNotFound("there is no job 'x'")).code
    'not_found'
    """
    known = {refusal.error: refusal for refusal in REFUSALS}
    return next((known[kind] for kind in type(error).__mro__ if kind in known), BY_STATUS[500])
