"""`emstream train` as a user runs it: killed and gone on with, and stopped by a sentence where data do not fit."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from emstream.models.checkpoint import read_checkpoint, read_weights
from tests.integration.conftest import Invoke
from tests.unit.emstream_training.stacks import grey_stack, truth_of, write_sections

pytestmark = pytest.mark.slow(reason="trains networks, and kills trainings")

TINY = ["--object", "spots", "--width", "0.125", "--patch", "64", "--batch", "1"]
STEPS = 40


@pytest.fixture(scope="module")
def training_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    images = grey_stack((5, 100, 120))
    write_sections(folder / "images", images)
    write_sections(folder / "labels", truth_of(images) * 255)
    stack = {"images": "images", "labels": "labels"}
    path = folder / "data.json"
    held_out = [{**stack, "first": 4}, {**stack, "first": 0, "last": 0}]
    path.write_text(json.dumps({"sources": [{**stack, "first": 1, "last": 3}], "validation": held_out}))
    return path


def begin(training_file: Path, output: Path) -> subprocess.Popen[bytes]:
    every = ["--steps", str(STEPS), "--validate-every", "20", "--save-every", "5"]
    command = [sys.executable, "-m", "emstream_cli", "train", str(training_file), "-o", str(output), *TINY, *every]
    environment = {**os.environ, "EMSTREAM_PRECISION": "f32", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_after_next_state(training_file: Path, output: Path) -> None:
    """Run the training, and kill it as soon as it has saved a state."""
    state = output / "state.pt"
    before = state.stat().st_ino if state.exists() else None
    process = begin(training_file, output)
    while not state.exists() or state.stat().st_ino == before:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def test_killed_twice_it_ends_with_the_same_checkpoint(tmp_path: Path, training_file: Path) -> None:
    undisturbed = begin(training_file, tmp_path / "whole")
    for _ in range(2):
        kill_after_next_state(training_file, tmp_path / "killed")
    assert not list((tmp_path / "killed").glob("*.onnx"))
    assert begin(training_file, tmp_path / "killed").wait() == 0
    assert undisturbed.wait() == 0
    whole, killed = (tmp_path / name / "spots-multiresunet-3fm.onnx" for name in ("whole", "killed"))
    weights, same = read_weights(whole), read_weights(killed)
    assert weights.keys() == same.keys()
    assert all(np.array_equal(weights[name], same[name]) for name in weights)
    assert read_checkpoint(whole).header == read_checkpoint(killed).header
    curve = (tmp_path / "killed" / "curve.csv").read_text()
    assert [row["step"] for row in csv.DictReader(curve.splitlines())] == ["20", "40"]
    assert curve == (tmp_path / "whole" / "curve.csv").read_text()


def test_fine_tuning_takes_the_network_from_the_checkpoint(
    tmp_path: Path, emstream: Invoke, training_file: Path, checkpoint_5fm_reduced: Path
) -> None:
    few = ["--steps", 2, "--patch", 64, "--batch", 1]
    code, out, err = emstream("train", training_file, "-o", tmp_path, "--from", checkpoint_5fm_reduced, *few)
    assert code == 0, err
    assert "start at random" not in err
    path = tmp_path / "spots-multiresunet-5fm.onnx"
    assert out == f"checkpoint: {path}\n"
    start, tuned = read_checkpoint(checkpoint_5fm_reduced).header, read_checkpoint(path).header
    for name in ("network", "width", "sections", "reduction", "space_to_depth", "objects"):
        assert getattr(start, name) == getattr(tuned, name)
    assert tuned.training["learning_rate"] == pytest.approx(2e-4)
    assert tuned.training["start_from"] == "spots.onnx"
    before, after = read_weights(checkpoint_5fm_reduced), read_weights(path)
    moved = [float(np.abs(np.subtract(before[name], after[name])).max()) for name in before if before[name].ndim == 4]
    assert max(moved) < 0.01
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["0", "2"]
    best = max(rows, key=lambda row: float(row["f1"]))  # the first of equals: it never ends with worse than it had
    held_out = tuned.metrics["held_out"]
    assert isinstance(held_out, dict)
    assert held_out["step"] == int(best["step"])
    assert (max(moved) > 0) == (best["step"] == "2")


def test_fine_tuning_for_another_object_or_number_of_sections_is_possible(
    tmp_path: Path, emstream: Invoke, training_file: Path, checkpoint_3fm: Path
) -> None:
    other = ["--object", "dots", "--sections", 1, "--name", "mine", "--learning-rate", 0.001]
    few = ["--steps", 1, "--patch", 64, "--batch", 1]
    code, _, err = emstream("train", training_file, "-o", tmp_path, "--from", checkpoint_3fm, *other, *few)
    assert code == 0, err
    header = read_checkpoint(tmp_path / "mine.onnx").header
    assert (header.objects, header.sections, header.training["learning_rate"]) == (("dots",), 1, 0.001)
    code, _, err = emstream("train", training_file, "-o", tmp_path / "other", "--from", tmp_path / "nowhere.onnx", *few)
    assert code == 2
    assert "there is no checkpoint" in err


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"sources": [{"images": "images", "labels": "images"}]}, "and more in addition to 0"),
        ({"sources": [{"images": "labels", "labels": "labels"}]}, "exactly two grey values"),
        ({"sources": [{"images": "nowhere", "labels": "labels"}]}, "there is no"),
        ({"source": []}, "'source' is not known here"),
    ],
)
def test_data_that_do_not_fit_get_their_sentence(
    tmp_path: Path, emstream: Invoke, training_file: Path, change: dict[str, object], phrase: str
) -> None:
    changed = training_file.with_name(f"{tmp_path.name}.json")
    changed.write_text(json.dumps(json.loads(training_file.read_text()) | change))
    code, out, err = emstream("train", changed, "-o", tmp_path / "out", *TINY)
    assert (code, out) == (2, "")
    assert phrase in err
    assert err.strip().splitlines()[-1].startswith("emstream: ")
    assert not (tmp_path / "out").exists()


def test_prepared_variants_are_read_like_any_hdf5(tmp_path: Path, emstream: Invoke, training_file: Path) -> None:
    code, out, err = emstream("prepare", training_file, "-o", tmp_path / "all.h5")
    assert code == 0, err
    assert out.splitlines() == [f"variants: {tmp_path / 'all.h5'}", f"training file: {tmp_path / 'all.json'}"]
    assert err.splitlines() == [
        f"stack {number} of 3: images with labels labels: 5 sections, 0..4, paired by number" for number in (1, 2, 3)
    ]
    code, out, err = emstream("info", tmp_path / "all.h5", "--dataset", "sources/1/v4/data")
    assert (code, "3" in out) == (0, True), err
    assert emstream("prepare", training_file, "-o", tmp_path / "all.h5")[0] == 2
