"""Progress of a writer: it counts strips, reports from time to time, and stops an export that is no longer wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Advance = Callable[[], None]
"""Called before each strip is written; what it raises stops the writer."""
EVERY_S = 0.5
"""Seconds between two reports."""


@dataclass
class Progress:
    """Strips written so far. total: strips in all. look: called with the share done, at most twice a second."""

    total: int
    look: Callable[[float], None]
    done: int = 0
    _next: float = 0.0

    def __call__(self) -> None:
        """Count one strip more. Raises what `look` raises."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self.look(min(1.0, self.done / max(1, self.total)))
        self.done += 1
