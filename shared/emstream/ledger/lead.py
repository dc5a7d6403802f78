"""The lead among several gateways: one of them sweeps and dispatches, the others wait to take over."""

from __future__ import annotations

import secrets
from typing import Any

import redis

from emstream.ledger.redis_client import all_named

LEADS_FOR_S = 5
"""Seconds after which the lead of a gateway that does not ask for it again is free."""


@all_named
class Lead:
    """One process's claim to the lead, a key in Redis that expires. Raises BrokerUnavailable."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._redis: Any = client  # the stubs give each answer as "awaitable or value"
        self._key = f"{prefix}janitor"  # a gateway of an older version must see it
        self._name = secrets.token_hex(8)

    def is_ours(self) -> bool:
        """Take the lead if it is free, prolong it if it is this process's; False if another process has it."""
        if self._redis.set(self._key, self._name, nx=True, ex=LEADS_FOR_S):
            return True
        leader = self._redis.get(self._key)
        if leader is None or leader.decode() != self._name:
            return False
        self._redis.expire(self._key, LEADS_FOR_S)
        return True
