"""One thread owns the device and fills batches with windows of all tasks and jobs that share predictor and shape."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emstream.errors import OutOfMemory
from services.inference.predictor import Predictor

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
    """Start with `with`; `submit` from any thread. on_busy(start, stop): called with each batch's times (monotonic)."""

    def __init__(
        self, max_batch: int, max_delay_s: float, depth: int = 64, on_busy: Callable[[float, float], None] | None = None
    ) -> None:
        self.max_batch = max_batch
        self._max_delay_s = max_delay_s
        self._orders: queue.Queue[_Order | None] = queue.Queue(depth)
        self._waiting: _Order | None = None
        self._on_busy = on_busy or (lambda start, stop: None)
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._is_stopping = False

    def __enter__(self) -> Batcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Answer what is queued with CancelledError and end the thread after its current batch."""
        self._is_stopping = True
        with suppress(queue.Full):  # a full queue wakes the thread anyway
            self._orders.put_nowait(None)

    def submit(self, predictor: Predictor, window: UINT8) -> Future[Prediction]:
        """Queue a window (sections, y, x); blocks while the queue is full. The future may raise OutOfMemory."""
        order = _Order(predictor, window)
        while not self._is_stopping:
            try:
                self._orders.put(order, timeout=0.2)
                return order.future
            except queue.Full:
                continue
        order.future.cancel()
        return order.future

    def _run(self) -> None:
        while not self._is_stopping:
            batch = [order for order in self._collect() if order.future.set_running_or_notify_cancel()]
            if batch:
                self._answer(batch)
        self._drain()

    def _collect(self) -> list[_Order]:
        first = self._waiting or self._orders.get()
        self._waiting = None
        if first is None:
            return []
        batch = [first]
        deadline = time.monotonic() + self._max_delay_s
        while len(batch) < self.max_batch and not self._is_stopping:
            try:
                order = self._orders.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if order is None or not first.fits(order):
                self._waiting = order
                break
            batch.append(order)
        return batch

    def _answer(self, batch: list[_Order]) -> None:
        began = time.monotonic()
        try:
            mean, spread = self._predict(batch[0].predictor, np.stack([order.window for order in batch]))
        except Exception as error:  # whatever the engine raises belongs to the tasks that wait
            for order in batch:
                order.future.set_exception(error)
            return
        finally:
            self._on_busy(began, time.monotonic())
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
        orders = [self._waiting] if self._waiting else []
        while not self._orders.empty():
            order = self._orders.get_nowait()
            if order is not None:
                orders.append(order)
        for order in orders:
            order.future.cancel()


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower() or "bad_alloc" in str(error)
