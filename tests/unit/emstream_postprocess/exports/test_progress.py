"""Progress of a writer."""

from __future__ import annotations

import pytest

from emstream_postprocess.exports.volumes import EVERY_S, Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("emstream_postprocess.exports.volumes.time.monotonic", lambda: now[0])
    return now


def test_the_share_is_reported_at_most_twice_a_second(clock: list[float]) -> None:
    shares: list[float] = []
    advance = Progress(10, shares.append)
    for _ in range(10):
        advance()
        clock[0] += EVERY_S / 2
    assert shares == [0.0, 0.2, 0.4, 0.6, 0.8]
    assert advance.done == 10


def test_more_strips_than_expected_are_not_more_than_all(clock: list[float]) -> None:
    shares: list[float] = []
    advance = Progress(1, shares.append)
    for _ in range(3):
        advance()
        clock[0] += EVERY_S
    assert shares == [0.0, 1.0, 1.0]


def test_a_writer_stops_by_what_the_report_raises() -> None:
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Progress(1, stop)()
