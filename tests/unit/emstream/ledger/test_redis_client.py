"""The edge to Redis: errors get emstream's name there, addresses are spelled as each client wants them."""

from __future__ import annotations

import copy

import pytest
import redis

from emstream.errors import BrokerUnavailable
from emstream.ledger.redis_client import (
    RESPITE_S,
    Impatience,
    all_named,
    make_client,
    named,
    url_for_celery,
    url_of_socket,
    without_password,
)


@all_named
class Store:
    """Answers to one name only."""

    def read(self, name: str) -> str:
        return self._ask(name)

    def _ask(self, name: str) -> str:
        if name != "known":
            raise redis.ConnectionError("Error 111 connecting")
        return "here"


def test_an_answer_passes_unchanged() -> None:
    assert Store().read("known") == "here"


def test_a_public_method_raises_the_error_that_callers_know() -> None:
    with pytest.raises(BrokerUnavailable, match=r"does not answer \(ConnectionError: Error 111 connecting\)") as caught:
        Store().read("other")
    assert isinstance(caught.value.__cause__, redis.ConnectionError)


def test_private_methods_keep_the_clients_errors_for_their_own_class() -> None:
    with pytest.raises(redis.ConnectionError):
        Store()._ask("other")


def test_other_errors_keep_their_name() -> None:
    @named
    def divide(a: int, b: int) -> float:
        return a / b

    assert divide(6, 3) == 2
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)


@pytest.mark.parametrize("url", ["http://localhost:6379", "localhost:6379", "redis+socket:///tmp/broker.sock"])
def test_what_is_no_address_of_a_broker_is_refused_by_the_settings_name(url: str) -> None:
    with pytest.raises(BrokerUnavailable, match="EMSTREAM_REDIS_URL must begin with redis://"):
        make_client(url)


def test_a_password_is_shown_to_nobody_and_kept_for_celery() -> None:
    url = "rediss://ada:secret@broker:6380/1"
    assert without_password(url) == "rediss://ada:***@broker:6380/1"
    assert url_for_celery(url) == url


@pytest.mark.parametrize("path", ["/tmp/broker.sock", "/tmp/a b/broker.sock", "/tmp/100%/é.sock"])
def test_a_socket_s_address_leads_both_clients_to_its_path(path: str) -> None:
    url = url_of_socket(path)
    connection = make_client(url).connection_pool.connection_kwargs
    assert (connection["path"], connection["db"]) == (path, 0)
    assert url_for_celery(url).startswith("redis+socket:///tmp/")


class Hanging:
    """A call to a broker that hangs, and one to a broker that is back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.calls = 100.0, 0
        monkeypatch.setattr("emstream.ledger.redis_client.time.monotonic", lambda: self.now)

    def ask(self, retry: Impatience, error: Exception | None) -> object:
        def do() -> str:
            self.calls += 1
            if error is not None:
                raise error
            return "answer"

        return retry.call_with_retry(do, lambda problem: None)


def test_after_a_call_that_hung_the_next_ones_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, retry = Hanging(monkeypatch), Impatience()
    with pytest.raises(redis.TimeoutError, match="timed out"):
        broker.ask(retry, redis.TimeoutError("timed out"))
    with pytest.raises(redis.TimeoutError, match="did not answer a moment ago"):
        broker.ask(retry, None)
    assert broker.calls == 1
    broker.now += RESPITE_S
    assert broker.ask(retry, None) == "answer"


def test_all_connections_of_a_client_share_their_impatience() -> None:
    retry = Impatience()
    assert copy.deepcopy(retry) is retry
