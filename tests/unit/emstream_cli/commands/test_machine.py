"""emstream bench: a table of engines, or JSON; the doctor is tested with the commands around the service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import emstream_inference.bench
from emstream.models.recipes import MODELS
from emstream.settings import Settings
from emstream_cli.main import app
from emstream_inference.bench import Row

ROWS: list[Row] = [
    {"checkpoint": "spots-1fm", "engine": "torch", "precision": "f32", "mpx_per_s": 1.234, "relative": 1.0, "note": ""},
    {
        "checkpoint": "spots-1fm",
        "engine": "cuda",
        "precision": "bf16",
        "mpx_per_s": None,
        "relative": None,
        "note": "no CUDA device is visible to torch",
    },
]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Path], int, int]]:
    """What the benchmark was asked to measure."""
    calls: list[tuple[list[Path], int, int]] = []

    def measure(paths: list[Path], side: int, repeats: int, settings: Settings) -> list[Row]:
        calls.append((paths, side, repeats))
        return ROWS

    monkeypatch.setattr(emstream_inference.bench, "measure", measure)
    return calls


def bench(*words: str) -> str:
    done = CliRunner().invoke(app, ["bench", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_shipped_checkpoint_is_measured_unless_some_are_named(
    asked: list[tuple[list[Path], int, int]], tmp_path: Path
) -> None:
    bench()
    bench("--checkpoint", str(tmp_path / "a.onnx"), "--side", "64", "--repeats", "2")
    assert asked == [(sorted(MODELS.glob("*.onnx")), 1152, 5), ([tmp_path / "a.onnx"], 64, 2)]


def test_the_table_has_a_dash_and_the_reason_where_an_engine_did_not_run(
    asked: list[tuple[list[Path], int, int]],
) -> None:
    title, first, second = bench().splitlines()
    assert title.split() == ["checkpoint", "engine", "precision", "Mpx/s", "relative"]
    assert first.split() == ["spots-1fm", "torch", "f32", "1.23", "1.00"]
    assert second.split(maxsplit=5) == ["spots-1fm", "cuda", "bf16", "-", "-", "no CUDA device is visible to torch"]
    assert [line.index("spots") for line in (first, second)] == [0, 0]
    assert title.index("engine") == first.index("torch")


def test_json_has_every_digit(asked: list[tuple[list[Path], int, int]]) -> None:
    assert json.loads(bench("--json")) == ROWS


def test_a_benchmark_of_no_windows_is_refused(asked: list[tuple[list[Path], int, int]]) -> None:
    assert CliRunner().invoke(app, ["bench", "--repeats", "0"]).exit_code == 2
    assert not asked
