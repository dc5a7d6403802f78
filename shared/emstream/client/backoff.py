"""Pauses of a client between attempts, while the service does not answer."""

from __future__ import annotations

import time

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
