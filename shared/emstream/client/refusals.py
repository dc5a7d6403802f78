"""Refusals of the service (RFC 9457 problem+json) as emstream's own errors, with the service's sentence."""

from __future__ import annotations

import httpx

from emstream.api.problems import BY_STATUS, REFUSALS
from emstream.errors import EmstreamError, ServiceUnavailable, UploadRefused

BY_CODE = {refusal.code: refusal.public_error for refusal in REFUSALS}
OF_PROXIES = frozenset({500, 502, 503, 504})
"""Statuses that a proxy in between sends, too: without a code of ours they say nothing of the job."""
PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may have passed at the next attempt."""
SHOWN = 200
"""Characters of a strange answer that the message quotes."""


def error_of(response: httpx.Response) -> EmstreamError:
    """Return the error that a refusal means: by its code if it is one of ours, else by its status.

    The response's body must have been read.
    """
    kind = _kind_of(response.status_code)
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


def _kind_of(status: int) -> type[EmstreamError]:
    """Return the error that a status means by itself."""
    if status in BY_STATUS and status not in OF_PROXIES:
        return BY_STATUS[status].public_error
    return ServiceUnavailable if status >= 500 else UploadRefused


def retry_after_s(response: httpx.Response) -> float | None:
    """Return how long the service asks to wait, if it does."""
    try:
        return max(0.0, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None
