"""What a writer calls for every strip: it counts, tells from time to time, and stops an export that nobody wants."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Tick = Callable[[], None]
EVERY_S = 0.5


@dataclass
class Ticks:
    """total: strips in all. look: called with the share done, at most twice a second; it raises to stop the writer."""

    total: int
    look: Callable[[float], None]
    done: int = 0
    _next: float = 0.0

    def __call__(self) -> None:
        """One strip more is about to be written."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self.look(min(1.0, self.done / max(1, self.total)))
        self.done += 1
