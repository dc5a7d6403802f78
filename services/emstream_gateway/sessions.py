"""Sessions of browsers, and a brake on guessing.

A session is a cookie that admits the holder of a key without being the key: a browser sends it to every port of a host.
It names the key by a hash that only this service can make, so it ends when the key is removed, after 7 days, or when
the service's own secret changes. Nothing of it is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from emstream.api.problems import TooManyGuesses

SESSION_S = 7 * 86400
"""Seconds that a session lasts."""
FREE_GUESSES = 10
"""Number of unknown keys that an address may send in a minute before it waits."""
GUESS_EVERY_S = 0.5
"""Seconds between two guesses of an address after that."""
LONGEST_WAIT_S = 10.0
"""Seconds that a request may wait for its turn; others are refused."""
FORGET_S = 60.0
_REMEMBERED = 1024
T = TypeVar("T")
_COOKIE = re.compile(r"1\.([0-9a-f]{1,12})\.([0-9a-f]{16})\.([0-9a-f]{64})\.([0-9a-f]{64})")


class Sessions:
    """Makes and reads cookies. secret: of this service, the same after a restart."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock

    def make(self, key_sha256: str) -> str:
        """Return a new session of the key with this hash."""
        text = f"1.{int(self._clock()):x}.{secrets.token_hex(8)}.{self._name(key_sha256)}"
        return f"{text}.{self._hmac(text)}"

    def key_of(self, cookie: str) -> Callable[[str], bool] | None:
        """Return the check by which to find the session's key among the hashes of keys; None if it is no session."""
        found = _COOKIE.fullmatch(cookie)
        if found is None or not hmac.compare_digest(self._hmac(cookie.rpartition(".")[0]), found[4]):
            return None
        if not 0 <= self._clock() - int(found[1], 16) + 60 < SESSION_S:
            return None
        name = found[3]
        return lambda key_sha256: hmac.compare_digest(self._name(key_sha256), name)

    def _name(self, key_sha256: str) -> str:
        return self._hmac(f"key {key_sha256}")

    def _hmac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


@dataclass
class _Failures:
    """Unknown keys of an address. turn: when its next guess may be looked at."""

    count: int = 0
    latest: float = 0.0
    turn: float = 0.0


class Guesses:
    """Unknown keys by address. Keys that were known before never wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str, key_sha256: str) -> float:
        """Return the seconds after which a key may be looked at. Raises TooManyGuesses if too many wait."""
        with self._lock:
            failures, now = self._failures.get(address), self._clock()
            if key_sha256 in self._known or failures is None or now - failures.latest > FORGET_S:
                return 0.0
            if failures.count < FREE_GUESSES:
                return 0.0
            turn = max(now, failures.turn) + GUESS_EVERY_S
            if turn - now > LONGEST_WAIT_S:
                raise TooManyGuesses(
                    "too many unknown keys came from this address: wait a minute, then use a known one"
                )
            failures.turn = turn
            return turn - now

    def note(self, address: str, key_sha256: str, is_known: bool) -> None:
        """Count a key that was looked at."""
        with self._lock:
            if is_known:
                _remember(self._known, key_sha256, None)
                return
            self._known.pop(key_sha256, None)
            now = self._clock()
            failures = self._failures.pop(address, None) or _Failures()
            if now - failures.latest > FORGET_S:
                failures = _Failures()
            failures.count, failures.latest = failures.count + 1, now
            _remember(self._failures, address, failures)


def _remember(table: OrderedDict[str, T], name: str, value: T) -> None:
    table[name] = value
    table.move_to_end(name)
    while len(table) > _REMEMBERED:
        table.popitem(last=False)
