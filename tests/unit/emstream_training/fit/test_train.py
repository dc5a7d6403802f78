"""A training, stopped after any step and gone on with, ends as if nothing had happened."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emstream.errors import OutputInUse
from emstream_training.fit.train import Progress, train
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import labelled

SETTINGS = TrainingSettings(
    object_name="spots",
    width=0.125,
    patch=64,
    batch=2,
    steps=6,
    validate_every=3,
    save_every=2,
    threads=1,
)
STACKS = [labelled((4, 80, 90), decoys=0.5), labelled((1, 50, 60), 1, kind="full", is_stack=False)]
HELD_OUT = [labelled((2, 50, 40), 2), labelled((1, 70, 40), 3)]


class Stopped(Exception):
    """Raised in the middle, as a kill would end it."""


def run(folder: Path, settings: TrainingSettings = SETTINGS, stop_after: int | None = None) -> list[Progress]:
    seen: list[Progress] = []

    def show(progress: Progress) -> None:
        seen.append(progress)
        if progress.step == stop_after:
            raise Stopped

    train(STACKS, HELD_OUT, settings, folder, show)
    return seen


def tensors(path: Path) -> dict[str, torch.Tensor]:
    found = torch.load(path, weights_only=True)
    return {name: value for key in ("weights", "network") for name, value in found.get(key, {}).items()}


def check_equal(first: Path, second: Path) -> None:
    for name in ("best.pt", "state.pt"):
        a, b = tensors(first / name), tensors(second / name)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a), name
    assert (first / "curve.csv").read_bytes() == (second / "curve.csv").read_bytes()


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    """Give other tests their threads back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder)
    return folder


@pytest.mark.parametrize("step", [1, 3, 5])
def test_stopped_after_any_step_it_ends_with_the_same_weights(tmp_path: Path, undisturbed: Path, step: int) -> None:
    with pytest.raises(Stopped):
        run(tmp_path, stop_after=step)
    resumed = run(tmp_path)
    saved = max(at for at in (0, 2, 3, 4, 6) if at <= step)
    assert [progress.step for progress in resumed] == list(range(saved + 1, 7))
    check_equal(tmp_path, undisturbed)


def test_rows_of_the_curve_beyond_the_saved_step_are_written_once(tmp_path: Path, undisturbed: Path) -> None:
    with pytest.raises(Stopped):
        run(tmp_path, stop_after=2)
    (tmp_path / "curve.csv").write_bytes((undisturbed / "curve.csv").read_bytes())  # killed before its state was saved
    (tmp_path / ".state.pt.1-1.part").write_bytes(b"half")
    run(tmp_path)
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["3", "6"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.pt", "curve.csv", "curve.png", "state.pt"]


def test_a_finished_training_does_nothing_more(tmp_path: Path, undisturbed: Path) -> None:
    before = (undisturbed / "best.pt").stat().st_mtime_ns
    assert run(undisturbed) == []
    assert (undisturbed / "best.pt").stat().st_mtime_ns == before


def test_another_training_in_the_folder_is_named(undisturbed: Path) -> None:
    with pytest.raises(OutputInUse, match=r"another 'learning_rate' \(0.002 there, 0.1 now\): .*--restart"):
        run(undisturbed, replace(SETTINGS, learning_rate=0.1))
    with pytest.raises(OutputInUse, match=r"another 'sources': give another folder"):
        train(HELD_OUT, HELD_OUT, SETTINGS, undisturbed)
    assert run(undisturbed, replace(SETTINGS, save_every=1, threads=2)) == []


def test_a_state_that_is_none_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"no state")
    with pytest.raises(OutputInUse, match="is not a state of this version"):
        run(tmp_path)


def test_a_time_budget_becomes_steps_and_ends_with_a_validation(tmp_path: Path) -> None:
    seen = run(tmp_path, replace(SETTINGS, steps=None, minutes=1e-9))
    assert seen[0].steps == 0
    assert seen[-1].step == seen[-1].steps == 21
    assert seen[-1].row is not None
    assert (tmp_path / "best.pt").exists()
