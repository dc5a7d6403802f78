"""Pauses between attempts: doubling, bounded, and short again after a success."""

from __future__ import annotations

import pytest

from emstream.client.http import FIRST_PAUSE_S, MAX_PAUSE_S, Backoff
from tests.pauses import note_pauses


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return note_pauses(monkeypatch)


def test_pauses_double_up_to_the_longest(pauses: list[float]) -> None:
    backoff = Backoff(100)
    while backoff.wait():
        pass
    assert pauses[:6] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(pauses[5:]) == {MAX_PAUSE_S}
    assert 100 <= sum(pauses) < 100 + MAX_PAUSE_S


def test_the_pause_that_the_service_asks_for_is_kept_within_the_limit(pauses: list[float]) -> None:
    backoff = Backoff(10)
    assert backoff.wait(3)
    assert backoff.wait(0.01)
    assert backoff.wait(1000)
    assert pauses == [3, 2 * FIRST_PAUSE_S, 10]
    assert not backoff.wait()
    assert len(pauses) == 3


def test_a_success_makes_pauses_short_again(pauses: list[float]) -> None:
    backoff = Backoff(1)
    while backoff.wait():
        pass
    backoff.renew()
    pauses.clear()
    assert backoff.wait()
    assert pauses == [FIRST_PAUSE_S]


def test_without_a_limit_there_is_one_attempt_only(pauses: list[float]) -> None:
    assert not Backoff(0).wait()
    assert pauses == []
