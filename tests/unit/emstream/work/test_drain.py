"""The order to drain: set once, seen after a fork, in both directions."""

from __future__ import annotations

import os

from emstream.work.heartbeat import Drain


def test_it_is_set_once_and_stays_set() -> None:
    drain = Drain()
    assert not drain.is_set()
    drain.set()
    drain.set()
    assert drain.is_set()


def test_a_child_sees_its_parents_order_and_the_parent_its_childs() -> None:
    drain = Drain()
    child = os.fork()
    if child == 0:
        drain.set()
        os._exit(0)
    os.waitpid(child, 0)
    assert drain.is_set()


def test_two_orders_do_not_mix() -> None:
    first, second = Drain(), Drain()
    first.set()
    assert not second.is_set()
