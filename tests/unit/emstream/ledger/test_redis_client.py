"""The edge to Redis: errors get emstream's name there, addresses are spelled as each client wants them."""

from __future__ import annotations

import pytest
import redis

from emstream.errors import BrokerUnavailable
from emstream.ledger.redis_client import all_named, make_client, named, url_for_celery, without_password


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
