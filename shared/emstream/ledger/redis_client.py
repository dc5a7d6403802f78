"""Connections to the broker, and the broker's address in the spellings of its two clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from inspect import isfunction
from typing import Any, ParamSpec, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from emstream.errors import BrokerUnavailable

Given = ParamSpec("Given")
Result = TypeVar("Result")
Kind = TypeVar("Kind", bound=type)

TIMEOUT_S = 5
BRIEF_TIMEOUT_S, RESPITE_S = 3, 2.0
HEALTH_CHECK_S = 10
TRIES = 3
SCHEMES = ("redis", "rediss", "unix")


def named(call: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return a function that raises BrokerUnavailable instead of redis.RedisError: no caller handles Redis errors."""

    @wraps(call)
    def with_name(*arguments: Given.args, **options: Given.kwargs) -> Result:
        try:
            return call(*arguments, **options)
        except redis.RedisError as error:
            raise BrokerUnavailable(f"the broker does not answer ({type(error).__name__}: {error})") from error

    return with_name


def all_named(kind: Kind) -> Kind:
    """Return the class with each public method `named`."""
    for name, method in list(vars(kind).items()):
        if isfunction(method) and not name.startswith("_"):
            setattr(kind, name, named(method))
    return kind


class Impatience(Retry):
    """Retries lost connections as any client does, but waits only once for a broker that hangs.

    After a call that was not answered in time, the next calls fail at once for RESPITE_S. All connections
    of a client share this, so the other calls need not wait.
    """

    def __init__(self) -> None:
        super().__init__(_backoff(), TRIES, (redis.ConnectionError,))
        self._hung_until = 0.0

    def __deepcopy__(self, memo: object) -> Impatience:
        return self

    def call_with_retry(self, do: Callable[[], Any], fail: Callable[..., Any], *rest: Any, **options: Any) -> Any:
        """Make the call. Raises redis.RedisError."""
        if time.monotonic() < self._hung_until:
            raise redis.TimeoutError("the broker did not answer a moment ago")
        try:
            return super().call_with_retry(do, fail, *rest, **options)
        except (redis.TimeoutError, TimeoutError):
            self._hung_until = time.monotonic() + RESPITE_S
            raise


def connect(url: str) -> redis.Redis:
    """Return a client of the broker at `url` that has answered once.

    url: redis://, rediss:// or unix://. Answers are bytes. A call that meets a dropped connection is tried three more
    times within a second, and raises redis.RedisError after that. Raises BrokerUnavailable.
    """
    client = make_client(url)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        client.close()
        raise BrokerUnavailable(
            f"the broker at {without_password(url)} does not answer ({error}): "
            "start it, or correct EMSTREAM_REDIS_URL, or unset that for a broker of our own"
        ) from error
    return client


def make_client(url: str, *, is_patient: bool = True) -> redis.Redis:
    """Return a client that connects at its first call. Raises BrokerUnavailable for a wrong address.

    is_patient: False = for a client that people and probes wait for, see `Impatience`.
    """
    if urlsplit(url).scheme not in SCHEMES:
        raise BrokerUnavailable(
            f"EMSTREAM_REDIS_URL must begin with redis://, rediss:// or unix://, got {without_password(url)!r}"
        )
    timeout_s = TIMEOUT_S if is_patient else BRIEF_TIMEOUT_S
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            health_check_interval=HEALTH_CHECK_S,
            retry=Retry(_backoff(), TRIES) if is_patient else Impatience(),
        )
    except ValueError as error:
        raise BrokerUnavailable(f"EMSTREAM_REDIS_URL is {without_password(url)!r}: {error}") from error


def _backoff() -> ExponentialBackoff:
    return ExponentialBackoff(cap=0.4, base=0.05)


def url_for_celery(url: str) -> str:
    """Return the address as kombu spells it; only Unix sockets differ.

    >>> url_for_celery("unix:///tmp/a/broker.sock?db=2")
    'redis+socket:///tmp/a/broker.sock?virtual_host=2'
    >>> url_for_celery("redis://localhost:6379/0")
    'redis://localhost:6379/0'
    """
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"


def url_of_socket(path: str) -> str:
    """Return the address of a Unix socket.

    >>> url_of_socket("/tmp/a b/broker.sock")
    'unix:///tmp/a%20b/broker.sock?db=0'
    """
    return f"unix://{quote(path)}?db=0"


def without_password(url: str) -> str:
    """Return the address as it may be shown.

    >>> without_password("redis://user:secret@host:6379/0")
    'redis://user:***@host:6379/0'
    """
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}").geturl()
