"""The state of a training on disk, and the network that it begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emstream.errors import OutputInUse
from emstream_training.fit.resume import StateFile, TrainingState, fresh_state, make_network, save_tensors
from emstream_training.settings import TrainingSettings
from tests.unit.emstream_training.stacks import labelled

SETTINGS = TrainingSettings("spots", width=0.125, patch=64, threads=1, steps=5)
STACKS = [labelled((2, 20, 20))]
HELD_OUT = [labelled((1, 20, 20), 1)]


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    """Give other tests their random numbers back."""
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def file_of(folder: Path, settings: TrainingSettings = SETTINGS, seed: int = 0) -> StateFile:
    return StateFile.of(folder, settings, [labelled((2, 20, 20), seed)], HELD_OUT)


def advanced() -> TrainingState:
    """Return a state with changed weights and numbers."""
    state = fresh_state(SETTINGS)
    for parameter in state.network.parameters():
        parameter.data += 1
    state.step, state.best_f1, state.losses = 3, 0.5, [0.25]
    return state


def test_a_fresh_state_depends_on_the_seed_alone() -> None:
    first, second, other = (
        fresh_state(replace(SETTINGS, seed=seed)).network.state_dict().values() for seed in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_the_average_begins_as_the_network() -> None:
    state = fresh_state(SETTINGS)
    pairs = zip(state.network.state_dict().values(), state.average.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert (state.step, state.steps, state.best_f1, state.losses) == (0, 5, -1, [])


def test_a_saved_state_comes_back_whole(tmp_path: Path) -> None:
    saved, restored = advanced(), fresh_state(replace(SETTINGS, seed=7))
    file_of(tmp_path).save(saved)
    file_of(tmp_path).restore(restored, "cpu")
    assert (restored.step, restored.steps, restored.best_f1, restored.losses) == (3, 5, 0.5, [0.25])
    for name, value in saved.network.state_dict().items():
        assert torch.equal(restored.network.state_dict()[name], value)


def test_without_a_file_the_state_stays_fresh(tmp_path: Path) -> None:
    state = fresh_state(SETTINGS)
    file_of(tmp_path).restore(state, "cpu")
    assert state.step == 0


def test_settings_of_running_may_differ_and_others_may_not(tmp_path: Path) -> None:
    file_of(tmp_path).save(advanced())
    elsewhere = replace(SETTINGS, threads=4, save_every=1)
    state = fresh_state(SETTINGS)
    file_of(tmp_path, elsewhere).restore(state, "cpu")
    assert state.step == 3
    with pytest.raises(OutputInUse, match=r"another 'seed' \(1 there, 2 now\)"):
        file_of(tmp_path, replace(SETTINGS, seed=2)).restore(state, "cpu")


def test_sizes_of_sections_belong_to_the_identity(tmp_path: Path) -> None:
    file_of(tmp_path).save(advanced())
    larger = StateFile.of(tmp_path, SETTINGS, [labelled((2, 20, 24))], HELD_OUT)
    with pytest.raises(OutputInUse, match="another 'sources': give another folder, or --restart to start again"):
        larger.restore(fresh_state(SETTINGS), "cpu")


def test_saving_replaces_the_file_in_one_step(tmp_path: Path) -> None:
    for value in (1.0, 2.0):
        save_tensors(tmp_path / "some.pt", {"value": torch.tensor(value)})
    assert float(torch.load(tmp_path / "some.pt", weights_only=True)["value"]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["some.pt"]


def test_the_network_is_the_one_of_the_settings() -> None:
    network = make_network(replace(SETTINGS, sections=5, reduction=2, space_to_depth=True))
    with torch.no_grad():
        assert network.eval()(torch.zeros(1, 5, 64, 96)).shape == (1, 1, 32, 48)
