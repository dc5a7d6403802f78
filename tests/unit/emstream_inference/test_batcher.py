"""The batcher: lanes side by side, what fits into a batch, the hours it tells, its end."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, wait
from typing import cast

import numpy as np
import pytest

from emstream_inference.batcher import UINT8, Batcher, Prediction
from emstream_inference.predictor import Predictor

WINDOW = np.zeros((1, 2, 2), np.uint8)
PATIENCE_S = 20


class Gate:
    """A predictor whose predictions come when `go` is set; `sizes` are the batches it was given."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.sizes: list[int] = []

    def predict(self, windows: UINT8) -> Prediction:
        self.sizes.append(len(windows))
        self.begun.release()
        assert self.go.wait(PATIENCE_S)
        return windows + 1, None


def predictor(gate: Gate) -> Predictor:
    return cast(Predictor, gate)


def test_lanes_compute_side_by_side() -> None:
    gate = Gate()
    with Batcher(lanes=2, max_batch=2, max_delay_s=0.01) as batcher:
        futures = [batcher.submit(predictor(gate), WINDOW) for _ in range(2)]
        for _ in range(2):
            assert gate.begun.acquire(timeout=PATIENCE_S)
        gate.go.set()
        assert all((f.result(PATIENCE_S)[0] == 1).all() for f in futures)
    assert gate.sizes == [1, 1]


def test_lanes_are_never_more_than_windows_at_work() -> None:
    gate = Gate()
    gate.go.set()
    with Batcher(lanes=2, max_batch=1, max_delay_s=0.01) as batcher:
        futures = [batcher.submit(predictor(gate), WINDOW) for _ in range(5)]
        wait(futures, PATIENCE_S)
    assert batcher.max_batch == 1
    assert gate.sizes == [1] * 5


def test_a_batch_ends_where_the_next_window_is_for_another_predictor() -> None:
    first, second = Gate(), Gate()
    with Batcher(lanes=1, max_batch=4, max_delay_s=PATIENCE_S) as batcher:
        futures = [batcher.submit(predictor(g), WINDOW) for g in (first, first, second)]
        first.go.set()
        second.go.set()
        wait(futures[:2], PATIENCE_S)
        assert first.sizes == [2]
        batcher.stop()
    assert all(f.done() for f in futures)


@pytest.mark.parametrize("lanes", [1, 2])
def test_what_waits_at_the_end_is_cancelled(lanes: int) -> None:
    gate = Gate()
    with Batcher(lanes, max_batch=lanes, max_delay_s=0.01) as batcher:
        futures = [batcher.submit(predictor(gate), WINDOW) for _ in range(10)]
        for _ in range(lanes):
            assert gate.begun.acquire(timeout=PATIENCE_S)
        batcher.stop()
        gate.go.set()
    assert all(f.exception(PATIENCE_S) is None for f in futures[:lanes])
    for future in futures[lanes:]:
        with pytest.raises(CancelledError):
            future.result(PATIENCE_S)
    with pytest.raises(CancelledError):
        batcher.submit(predictor(gate), WINDOW).result(PATIENCE_S)


def test_hours_are_told_without_gaps_and_never_twice() -> None:
    told: list[tuple[float, float]] = []
    slow, quick = Gate(), Gate()
    with Batcher(2, 2, 0.01, on_busy=lambda start, stop: told.append((start, stop))) as batcher:
        long = batcher.submit(predictor(slow), WINDOW)
        assert slow.begun.acquire(timeout=PATIENCE_S)
        quick.go.set()
        batcher.submit(predictor(quick), WINDOW).result(PATIENCE_S)
        while not told:
            time.sleep(0.001)
        slow.go.set()
        long.result(PATIENCE_S)
    assert len(told) == 2
    (first, middle), (again, last) = told
    assert first < middle == again < last
