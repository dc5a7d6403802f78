"""HTTP with the service: one request, its refusals as errors, its repetition where that is safe.

A request is sent again, with growing pauses, when the connection fails or the service says that it is away for now
(429, 502, 503, 504); but one that could take effect twice only if it surely did not arrive.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from emstream.api.problems import BY_STATUS, REFUSALS
from emstream.client.address import Address
from emstream.errors import EmstreamError, ServiceUnavailable, UploadRefused
from emstream.version import __version__

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Connection:
    """The connection to one service, until `close`; threads may share it."""

    def __init__(self, address: Address, patience_s: float, transport: httpx.BaseTransport | None = None) -> None:
        self.address = address
        self._patience_s = patience_s
        headers = {"User-Agent": f"emstream/{__version__}", "Accept-Encoding": "identity"}
        if address.key:
            headers["Authorization"] = f"Bearer {address.key}"
        self._client = httpx.Client(
            base_url=address.url,
            headers=headers,
            timeout=TIMEOUT,
            transport=transport,
            trust_env=not address.is_loopback,  # no proxy reaches this machine's loopback
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def backoff(self) -> Backoff:
        """Return a new backoff, for one operation."""
        return Backoff(self._patience_s)

    def ask(
        self,
        method: str,
        path: str,
        *,
        is_repeatable: bool = True,
        json: object = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request and return the answer with its body. Raises the error of a refusal, and ServiceUnavailable."""
        backoff = self.backoff()
        while True:
            try:
                answer = self._client.request(method, path, json=json, params=params, headers=headers)
            except httpx.TransportError as error:
                if not (is_repeatable or isinstance(error, NOT_SENT)) or not backoff.wait():
                    raise self.unreachable(error) from error
                continue
            if not answer.is_error:
                return answer
            if answer.status_code not in PASSING or not backoff.wait(retry_after_s(answer)):
                raise error_of(answer)

    def put(self, path: str, offset: int, length: int, content: Iterator[bytes]) -> httpx.Response:
        """Send `length` bytes once. Raises httpx.TransportError where the connection fails, else what `ask` raises."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(length)}
        answer = self._client.put(path, params={"offset": offset}, content=content, headers=headers)
        if answer.is_error:
            raise error_of(answer)
        return answer

    @contextmanager
    def streaming(
        self, path: str, params: Mapping[str, str | int], headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        """Send a GET once and give the answer, its body unread; of a refusal the body is read."""
        with self._client.stream("GET", path, params=params, headers=headers) as answer:
            if answer.is_error:
                answer.read()
            yield answer

    def unreachable(self, error: httpx.TransportError) -> ServiceUnavailable:
        """Return the error of a service that does not answer."""
        return ServiceUnavailable(
            f"the service at {self.address.url} does not answer ({type(error).__name__}: {error}): "
            "check the address and that it runs"
        )


FIRST_PAUSE_S = 0.2
MAX_PAUSE_S = 5.0


class Backoff:
    """Pauses between attempts, doubling from 0.2 s to 5 s, until they add up to `limit_s` without a success."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.renew()

    def renew(self) -> None:
        """Begin again with short pauses, after a success."""
        self._pause_s, self._waited_s = FIRST_PAUSE_S, 0.0

    def wait(self, asked_s: float | None = None) -> bool:
        """Pause (as long as the service asked for, if it did); False, at once, once `limit_s` is used up."""
        if self._waited_s >= self._limit_s:
            return False
        pause_s = min(max(asked_s or 0.0, self._pause_s), self._limit_s)
        time.sleep(pause_s)
        self._waited_s += pause_s
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)
        return True


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
