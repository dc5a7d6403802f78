"""A worker's order to drain, seen by the process that gets the signal and by its forked children."""

from __future__ import annotations

import mmap


class Drain:
    """Set once, from a signal handler if need be; make it before forking.

    It is one shared byte: a process that dies holds no lock.
    """

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Order this process and its children to hand back what they hold."""
        self._byte[0] = 1

    def is_set(self) -> bool:
        """Return whether the order was given."""
        return self._byte[0] == 1
