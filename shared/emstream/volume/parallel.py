"""Work on sections in a few threads, in order: libraries that resize and compress release the interpreter's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
MOST_THREADS = 4
"""Maximum number of threads; more gain nothing, as sections are read by one."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield function(item) for each item, in the items' order, computed in as many threads as there are cores, up to 4.

    `items` is drawn from the caller's thread, never more than threads + 1 items ahead of what is yielded. The first
    error, of `items` or of `function`, is raised in its turn; waiting items are dropped.
    """
    threads = min(MOST_THREADS, cores())
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, "sections") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
