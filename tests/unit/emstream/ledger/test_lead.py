"""The lead among gateways: one has it, and loses it by falling silent."""

from __future__ import annotations

import time
from typing import cast

import pytest
import redis

from emstream.errors import BrokerUnavailable
from emstream.ledger.in_redis import LEADS_FOR_S, Lead


class Keys:
    """The three commands of Redis that a lead needs; its clock is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._held: dict[str, tuple[str, float]] = {}

    def set(self, name: str, value: str, nx: bool, ex: int) -> bool:
        if self.get(name) is not None:
            return False
        self._held[name] = value, self.now + ex
        return True

    def get(self, name: str) -> bytes | None:
        value, ends = self._held.get(name, ("", 0.0))
        return value.encode() if ends > self.now else None

    def expire(self, name: str, seconds: int) -> None:
        self._held[name] = self._held[name][0], self.now + seconds


def test_one_of_two_leads_for_as_long_as_it_asks() -> None:
    keys = Keys()
    client = cast("redis.Redis", keys)
    first, second = Lead(client, "test:"), Lead(client, "test:")
    for _ in range(3):
        assert first.is_ours()
        assert not second.is_ours()
        keys.now += LEADS_FOR_S - 1


def test_a_silent_leader_is_replaced_and_then_waits() -> None:
    keys = Keys()
    client = cast("redis.Redis", keys)
    first, second = Lead(client, "test:"), Lead(client, "test:")
    assert first.is_ours()
    keys.now += LEADS_FOR_S
    assert second.is_ours()
    assert not first.is_ours()


def test_the_lead_is_taken_from_a_real_broker(broker: redis.Redis) -> None:
    prefix = f"lead-{time.time_ns()}:"
    first, second = Lead(broker, prefix), Lead(broker, prefix)
    assert (first.is_ours(), second.is_ours(), first.is_ours()) == (True, False, True)


def test_a_broker_that_is_away_has_emstreams_name() -> None:
    class Away(Keys):
        def set(self, name: str, value: str, nx: bool, ex: int) -> bool:
            raise redis.ConnectionError("refused")

    with pytest.raises(BrokerUnavailable, match="does not answer"):
        Lead(cast("redis.Redis", Away()), "test:").is_ours()
