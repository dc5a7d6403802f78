"""Refusals of the service (RFC 9457 problem+json) as emstream's own errors, with the service's sentence."""

from __future__ import annotations

import httpx

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

BY_CODE: dict[str, type[EmstreamError]] = {
    "no_key": AccessDenied,
    "not_allowed": AccessDenied,
    "foreign_host": AccessDenied,
    "not_found": JobNotFound,
    "wrong_state": UploadConflict,
    "wrong_offset": UploadConflict,
    "conflict": UploadConflict,
    "too_much": TooMuch,
    "too_many_jobs": TooMuch,
    "unknown_object": UnknownObject,
    "unreadable_input": InputUnreadable,
    "wrong_request": UsageError,
    "broker_unavailable": BrokerUnavailable,
    "no_room": DiskFull,
    "failed": JobFailed,
}
BY_STATUS: dict[int, type[EmstreamError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: JobNotFound,
    409: UploadConflict,
    413: TooMuch,
    421: AccessDenied,
    429: TooMuch,
    507: DiskFull,
}
PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may be gone at the next attempt."""
SHOWN = 200


def error_of(response: httpx.Response) -> EmstreamError:
    """Return the error that a refusal means: by its code if it is one of ours, else by its status.

    The response's body must have been read.
    """
    fallback = ServiceUnavailable if response.status_code >= 500 else UploadRefused
    kind = BY_STATUS.get(response.status_code, fallback)
    try:
        problem = response.json()
        sentence, code = str(problem["detail"]), str(problem.get("code", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        status = f"{response.status_code} {response.reason_phrase}".strip()
        return kind(
            f"{response.request.url.copy_with(query=None)} answered {status}, not as emstream does: "
            f"is there another server at this address? {response.text[:SHOWN]}".strip()
        )
    return BY_CODE.get(code, kind)(sentence)


def retry_after_s(response: httpx.Response) -> float | None:
    """Return how long the service asks to wait, if it does."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
