"""emstream predict and merge: the options that a run gets, and what is printed of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import emstream_standalone.kept
import emstream_standalone.predict
from emstream.jobs.shards import Shard
from emstream_cli.commands import predict as module
from emstream_cli.main import app
from emstream_standalone.predict import PredictOptions

REPORT: dict[str, object] = {"objects": {}, "warnings": [], "command": "emstream predict in"}
Run = Callable[..., tuple[PredictOptions, str]]


@pytest.fixture
def predict(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command with words; return the options that the run got, and what was printed."""
    got: list[PredictOptions] = []

    def run(options: PredictOptions, *_: object) -> dict[str, object]:
        got.append(options)
        return REPORT

    def run_shard(options: PredictOptions, shard: Shard, *_: object) -> SimpleNamespace:
        got.append(options)
        return SimpleNamespace(packages=5, folder=options.output / "shard", timings={"total_s": 1.0})

    monkeypatch.setattr(emstream_standalone.predict, "run", run)
    monkeypatch.setattr(emstream_standalone.predict, "run_shard", run_shard)
    monkeypatch.setattr(module, "result_lines", lambda report, output: ["done", str(output)])

    def invoke(*words: object) -> tuple[PredictOptions, str]:
        done = CliRunner().invoke(app, ["predict", "in", "-o", str(tmp_path / "my out"), *map(str, words)])
        assert done.exit_code == 0, done.output
        return got[-1], done.stdout

    return invoke


def test_without_options_everything_is_left_to_the_recipe(predict: Run, tmp_path: Path) -> None:
    options, printed = predict()
    request = options.request
    assert (request.objects, request.quality, request.threshold, request.variants) == ((), "balanced", None, None)
    assert (request.measure, request.min_voxels, request.split_touching) == (True, 64, False)
    assert (options.output, options.keep, options.restart, options.has_timeline) == (
        tmp_path / "my out",
        False,
        False,
        False,
    )
    assert (options.wanted.formats, options.wanted.has_overlay) == (("h5",), True)
    assert printed == f"done\n{tmp_path / 'my out'}\n"


def test_options_reach_the_request(predict: Run) -> None:
    options, _ = predict(
        *("--object", "nuclei", "--object", "membranes", "--quality", "fast", "--voxel-size", "50,5.5,5.5"),
        *("--region", "0:2,0:64,0:64", "--threshold", "0.3", "--min-voxels", "9", "--split-touching", "--spread"),
        *("--format", "tiff", "--format", "h5", "--format", "tiff", "--no-overlay", "--timeline", "--keep"),
    )
    request = options.request
    assert (request.objects, request.quality) == (("nuclei", "membranes"), "fast")
    assert (request.voxel_size_nm, request.region) == ((50, 5.5, 5.5), ((0, 0, 0), (2, 64, 64)))
    assert (request.threshold, request.min_voxels, request.split_touching, request.spread) == (0.3, 9, True, True)
    assert options.wanted.formats == ("tiff", "h5")
    assert (options.wanted.has_overlay, options.has_timeline, options.keep) == (False, True, True)


def test_json_is_the_report(predict: Run) -> None:
    _, printed = predict("--json")
    assert json.loads(printed) == REPORT


def test_a_shard_says_how_the_shards_are_joined_in_words_that_can_be_pasted(predict: Run, tmp_path: Path) -> None:
    _, printed = predict("--shard", "2/3")
    assert printed.splitlines() == [
        f"shard 2/3 is done, 5 packages, in {tmp_path / 'my out' / 'shard'}",
        f"once all are done, join them: emstream merge '{tmp_path / 'my out'}' -o RESULT",
    ]
    _, printed = predict("--shard", "2/3", "--json")
    facts: dict[str, Any] = json.loads(printed)
    assert (facts["shard"], facts["packages"], facts["timings"]) == ("2/3", 5, {"total_s": 1.0})


def test_merging_takes_the_folders_and_the_formats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    got: dict[str, object] = {}

    def join(shards: list[Path], wanted: Any, output: Path, **options: object) -> dict[str, object]:
        got.update(options, shards=shards, formats=wanted.formats, output=output)
        return REPORT

    monkeypatch.setattr(emstream_standalone.kept, "join_shards", join)
    words = ["merge", "one", "two", "-o", str(tmp_path), "--format", "png", "--restart", "--json"]
    done = CliRunner().invoke(app, words)
    assert json.loads(done.stdout) == REPORT
    assert got == {
        "shards": [Path("one"), Path("two")],
        "formats": ("png",),
        "output": tmp_path,
        "restart": True,
        "keep": False,
    }
