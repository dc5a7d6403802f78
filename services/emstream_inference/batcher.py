"""Lanes own the device and fill batches with windows of all tasks and jobs that share predictor and shape.

A lane is a thread; how many a device has is the engine's to say (`Engine.lanes`): a GPU one, a CPU two, each with half
of the cores, so that a core which others use for a moment holds up one lane and not both.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emstream.errors import OutOfMemory
from emstream_inference.predictor import Predictor

logger = logging.getLogger(__name__)
UINT8 = NDArray[np.uint8]
Prediction = tuple[UINT8, UINT8 | None]
"""mean and spread of one window, each (objects, y, x)."""


@dataclass(frozen=True, slots=True)
class _Order:
    predictor: Predictor
    window: UINT8
    future: Future[Prediction] = field(default_factory=Future)

    def fits(self, other: _Order) -> bool:
        return self.predictor is other.predictor and self.window.shape == other.window.shape


class Batcher:
    """Start with `with`; `submit` from any thread.

    lanes, max_batch: at most `max_batch` windows are computed at once, over all lanes. on_busy(start, stop): called
    after each batch with times (monotonic) at which any lane worked; they never overlap.
    """

    def __init__(
        self,
        lanes: int,
        max_batch: int,
        max_delay_s: float,
        depth: int = 64,
        on_busy: Callable[[float, float], None] | None = None,
    ) -> None:
        lanes = min(lanes, max_batch)
        self.max_batch = max_batch // lanes
        """Of one lane."""
        self._max_delay_s = max_delay_s
        self._orders: queue.Queue[_Order | None] = queue.Queue(depth)
        self._hours = _Hours(on_busy or (lambda start, stop: None))
        self._lanes = [threading.Thread(target=self._run, name=f"lane {k}", daemon=True) for k in range(lanes)]
        self._is_stopping = False

    def __enter__(self) -> Batcher:
        for lane in self._lanes:
            lane.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for lane in self._lanes:
            lane.join()

    def stop(self) -> None:
        """Answer what is queued with CancelledError and end the lanes after their current batches."""
        self._is_stopping = True
        with suppress(queue.Full):  # a full queue wakes a lane anyway
            self._orders.put_nowait(None)

    def submit(self, predictor: Predictor, window: UINT8) -> Future[Prediction]:
        """Queue a window (sections, y, x); blocks while the queue is full. The future may raise OutOfMemory."""
        order = _Order(predictor, window)
        while not self._is_stopping:
            try:
                self._orders.put(order, timeout=0.2)
                break
            except queue.Full:
                continue
        if self._is_stopping:
            order.future.cancel()
        return order.future

    def _run(self) -> None:
        waiting: _Order | None = None  # what did not fit into the batch before
        while not self._is_stopping:
            found, waiting = self._collect(waiting)
            batch = [order for order in found if order.future.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)
        if waiting is not None:
            waiting.future.cancel()
        self._drain()

    def _collect(self, first: _Order | None) -> tuple[list[_Order], _Order | None]:
        """Return a batch, which begins with `first`, and the next order where that did not fit into it."""
        first = first or self._orders.get()
        if first is None:
            return [], None
        batch = [first]
        deadline = time.monotonic() + self._max_delay_s
        while len(batch) < self.max_batch and not self._is_stopping:
            try:
                order = self._orders.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if order is None or not first.fits(order):
                return batch, order
            batch.append(order)
        return batch, None

    def _answer(self, batch: list[_Order]) -> None:
        try:
            with self._hours.at_work():
                mean, spread = self._predict(batch[0].predictor, np.stack([order.window for order in batch]))
        except Exception as error:  # whatever the engine raises belongs to the tasks that wait
            for order in batch:
                order.future.set_exception(error)
            return
        for index, order in enumerate(batch):
            order.future.set_result((mean[index], None if spread is None else spread[index]))

    def _predict(self, predictor: Predictor, windows: UINT8) -> Prediction:
        """Predict; out of memory halves the batch for good and tries again. Raises OutOfMemory for a single window."""
        try:
            return predictor.predict(windows)
        except (MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            if len(windows) == 1:
                raise OutOfMemory(
                    f"a window of {windows.shape[2]} x {windows.shape[3]} does not fit into the device's memory: "
                    "use a smaller EMSTREAM_CORE_SIDE or the fast halo"
                ) from error
        half = len(windows) // 2
        self.max_batch = max(1, half)
        logger.warning("batch halved for lack of memory", extra={"max_batch": self.max_batch})
        first, second = self._predict(predictor, windows[:half]), self._predict(predictor, windows[half:])
        spread = None if first[1] is None or second[1] is None else np.concatenate([first[1], second[1]])
        return np.concatenate([first[0], second[0]]), spread

    def _drain(self) -> None:
        with suppress(queue.Empty):
            while True:
                order = self._orders.get_nowait()
                if order is not None:
                    order.future.cancel()
        with suppress(queue.Full):
            self._orders.put_nowait(None)  # wakes the next lane


class _Hours:
    """Tells when at least one lane is at work."""

    def __init__(self, on_busy: Callable[[float, float], None]) -> None:
        self._on_busy = on_busy
        self._begun: list[float] = []
        self._told_until = float("-inf")
        self._lock = threading.Lock()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Tell, at the end, of the time since the first of the lanes now at work began, but nothing twice."""
        with self._lock:
            began = time.monotonic()
            self._begun.append(began)
        try:
            yield
        finally:
            with self._lock:
                first, stop = min(self._begun), time.monotonic()
                self._begun.remove(began)
                self._on_busy(max(first, self._told_until), stop)
                self._told_until = stop


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "bad_alloc" in str(error)
