"""The benchmark: engines take turns, the fastest turn counts, and an engine that is missing says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.errors import EngineUnavailable
from emstream.models.checkpoint import Checkpoint
from emstream.settings import Settings
from emstream_inference import bench
from tests.unit.emstream_inference.checkpoints import write_middle


class Clock:
    """Time that passes only when an engine works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns: list[str] = []

    def perf_counter(self) -> float:
        return self.now


class TimedEngine:
    """An engine whose windows take these seconds, one after the other."""

    lanes = 1

    def __init__(self, name: str, clock: Clock, seconds: list[float]) -> None:
        self.name, self.clock, self.seconds = name, clock, iter(seconds)
        self.shapes: set[tuple[int, ...]] = set()

    def load(self, checkpoint: Checkpoint) -> int:
        return 0

    def to_device(self, windows: NDArray[np.uint8]) -> Any:
        self.shapes.add(windows.shape)
        return windows

    def forward(self, network: int, windows: Any) -> Any:
        self.clock.turns.append(self.name)
        self.clock.now += next(self.seconds)
        return windows

    def to_host(self, mean: Any) -> Any:
        return mean


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(bench, "time", clock)
    return clock


def compare(monkeypatch: pytest.MonkeyPatch, **engines: TimedEngine | EngineUnavailable) -> None:
    """Let the benchmark find these engines."""

    def maker(engine: TimedEngine | EngineUnavailable) -> Callable[[], TimedEngine]:
        def make() -> TimedEngine:
            if isinstance(engine, EngineUnavailable):
                raise engine
            return engine

        return make

    def found(threads: int, amx: bool) -> Iterator[tuple[tuple[str, str], Callable[[], TimedEngine]]]:
        for name, engine in engines.items():
            yield (name, "f32"), maker(engine)

    monkeypatch.setattr(bench, "_engines", found)


def test_engines_take_turns_and_the_fastest_turn_after_the_first_counts(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, tmp_path: Path
) -> None:
    write_middle(tmp_path / "middle.onnx")
    slow, quick = TimedEngine("slow", clock, [0.001, 4, 2, 3]), TimedEngine("quick", clock, [0.001, 1, 0.5, 1])
    compare(monkeypatch, slow=slow, quick=quick)
    rows = bench.measure([tmp_path / "middle.onnx"], 160, 3, Settings())
    assert clock.turns == ["slow", "quick"] * 4
    assert [row["relative"] for row in rows] == pytest.approx([1, 4])
    assert rows[1]["mpx_per_s"] == pytest.approx(160 * 160 / 0.5 / 1e6)
    assert {row["checkpoint"] for row in rows} == {"middle"}
    assert all(not row["note"] for row in rows)


@pytest.mark.parametrize(("side", "used"), [(1, 16), (24, 32), (160, 160), (170, 176)])
def test_the_window_is_the_nearest_that_the_network_takes(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, tmp_path: Path, side: int, used: int
) -> None:
    write_middle(tmp_path / "middle.onnx", sections=3)
    engine = TimedEngine("one", clock, [1.0] * 2)
    compare(monkeypatch, one=engine)
    bench.measure([tmp_path / "middle.onnx"], side, 1, Settings())
    assert engine.shapes == {(1, 3, used, used)}


def test_an_engine_that_cannot_run_has_a_note_and_no_number(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, tmp_path: Path
) -> None:
    write_middle(tmp_path / "middle.onnx")
    missing = EngineUnavailable("no CUDA device is visible to torch")
    compare(monkeypatch, cuda=missing, one=TimedEngine("one", clock, [1.0] * 2))
    cuda, one = bench.measure([tmp_path / "middle.onnx"], 16, 1, Settings())
    assert (cuda["mpx_per_s"], cuda["relative"], cuda["note"]) == (None, None, "no CUDA device is visible to torch")
    assert one["relative"] == 1  # the first that ran


def test_every_checkpoint_is_compared_by_itself(monkeypatch: pytest.MonkeyPatch, clock: Clock, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.onnx" for name in ("first", "second")]
    for path in paths:
        write_middle(path)
    compare(monkeypatch, one=TimedEngine("one", clock, [1.0, 1.0, 5.0, 5.0]))
    rows = bench.measure(paths, 16, 1, Settings())
    assert [row["checkpoint"] for row in rows] == ["first", "second"]
    assert [row["relative"] for row in rows] == [1, 1]
