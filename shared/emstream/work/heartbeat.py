"""A worker's sign of life: <data>/run/<queue>.<name>.alive, touched every second by the worker's main process.

Health checks learn from it which kinds of workers are alive, without asking the broker. The order to drain is here too:
a signal that the process gets and its forked children see.
"""

from __future__ import annotations

import mmap
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emstream.settings import Settings

EVERY_S = 1.0
SUFFIX = ".alive"


def worker_name(settings: Settings) -> str:
    """Return the name under which this process holds leases."""
    return settings.worker_name or f"{socket.gethostname()}-{os.getpid()}"


def beat_folder(settings: Settings) -> Path:
    """Return the folder of the signs of life."""
    return settings.data / "run"


@contextmanager
def beating(settings: Settings, queue: str) -> Iterator[None]:
    """Give signs of life for as long as the context lasts."""
    path = beat_folder(settings) / f"{queue}.{worker_name(settings)}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.is_set():
            path.touch()
            is_over.wait(EVERY_S)

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        path.unlink(missing_ok=True)


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
