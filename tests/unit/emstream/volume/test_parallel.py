"""Sections worked on in threads: order, errors, and how far ahead items are drawn."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from emstream.volume.parallel import MOST_THREADS, cores, mapped


def test_results_come_in_the_items_order_whatever_takes_long() -> None:
    def slow_first(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    assert list(mapped(slow_first, range(20))) == [item * item for item in range(20)]


def test_items_are_drawn_in_the_callers_thread_and_not_far_ahead() -> None:
    drawn: list[int] = []
    ahead = min(MOST_THREADS, cores()) + 1

    def items() -> Iterator[int]:
        for item in range(50):
            assert threading.current_thread() is threading.main_thread()
            drawn.append(item)
            yield item

    for taken, _ in enumerate(mapped(lambda item: item, items()), start=1):
        assert len(drawn) < taken + ahead


def test_an_error_is_raised_in_its_turn_and_what_waits_is_dropped() -> None:
    seen: list[int] = []

    def fails_at_three(item: int) -> int:
        seen.append(item)
        if item == 3:
            raise ValueError("three")
        return item

    results = mapped(fails_at_three, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(seen) < 3 + 2 * (MOST_THREADS + 1)


def test_an_error_of_the_items_is_raised_after_what_came_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        list(mapped(lambda item: item, items()))
