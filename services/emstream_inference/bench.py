"""Throughput of the engines on one window, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from emstream.errors import EngineUnavailable
from emstream.models.checkpoint import Checkpoint, read_checkpoint
from emstream.settings import Settings
from emstream_inference.engines import Engine, OpenVinoEngine, TorchEngine

Key = tuple[str, str]
"""An engine's name and precision."""
_pool = ThreadPoolExecutor(2)
"""As many threads as the engine with most lanes has; kept, as an engine may keep memory for each."""


class Row(TypedDict):
    """One measurement. mpx_per_s: million window pixels per second, or None with the reason in `note`."""

    checkpoint: str
    engine: str
    precision: str
    mpx_per_s: float | None
    relative: float | None
    note: str


def measure(checkpoints: list[Path], side: int, repeats: int, settings: Settings) -> list[Row]:
    """Time each engine on each checkpoint; `relative` is to the checkpoint's first engine that ran.

    The engines take turns, window by window, so that a machine that slows down slows all of them; the fastest of the
    repeats counts.
    """
    rows: list[Row] = []
    for checkpoint in map(read_checkpoint, checkpoints):
        rows += _measure_one(checkpoint, side, repeats, settings)
    return rows


def _measure_one(checkpoint: Checkpoint, side: int, repeats: int, settings: Settings) -> list[Row]:
    side = max(1, round(side / checkpoint.header.alignment)) * checkpoint.header.alignment
    shape = (1, checkpoint.header.sections, side, side)
    window = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    engines = {key: _ready(make, checkpoint) for key, make in _engines(settings.threads, settings.amx)}
    ready = {key: engine for key, engine in engines.items() if not isinstance(engine, str)}
    _fastest(ready, window, 1)  # compiles and warms up, and is forgotten
    seconds = _fastest(ready, window, repeats)
    first = next(iter(seconds.values()), None)
    return [
        Row(
            checkpoint=checkpoint.header.name,
            engine=key[0],
            precision=key[1],
            mpx_per_s=side * side / seconds[key] / 1e6 if key in seconds else None,
            relative=first / seconds[key] if first and key in seconds else None,
            note=engine if isinstance(engine, str) else "",
        )
        for key, engine in engines.items()
    ]


def _fastest(engines: dict[Key, Engine], window: NDArray[np.uint8], repeats: int) -> dict[Key, float]:
    """Return the time of each engine's fastest turn."""
    rounds = [{key: _seconds_per_window(engine, window) for key, engine in engines.items()} for _ in range(repeats)]
    return {key: min(seconds[key] for seconds in rounds) for key in engines}


def _seconds_per_window(engine: Engine, window: NDArray[np.uint8]) -> float:
    """Return the time with all lanes at work, each on one window."""

    def compute(_: int) -> None:
        engine.to_host(engine.forward(0, engine.to_device(window)))

    began = time.perf_counter()
    list(_pool.map(compute, range(engine.lanes)))
    return (time.perf_counter() - began) / engine.lanes


def _engines(threads: int, use_amx: bool) -> Iterator[tuple[Key, Callable[[], Engine]]]:
    yield ("torch", "f32"), lambda: TorchEngine("cpu", "f32", use_amx)
    yield ("torch", "bf16"), lambda: TorchEngine("cpu", "bf16", use_amx)
    yield ("openvino", "f32"), lambda: OpenVinoEngine("f32", threads, use_amx)
    yield ("openvino", "bf16"), lambda: OpenVinoEngine("bf16", threads, use_amx)
    yield ("cuda", "bf16"), lambda: TorchEngine("cuda", "bf16", use_amx)


def _ready(make: Callable[[], Engine], checkpoint: Checkpoint) -> Engine | str:
    try:
        engine = make()
    except EngineUnavailable as error:
        return str(error)
    engine.load(checkpoint)
    return engine
