"""Settings of a training: their limits, and the part that a header and a state keep."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from emstream.errors import SettingsError
from emstream.models.checkpoint import Checkpoint
from emstream_training.settings import FINE_TUNING, LEARNING_RATE, RUNNING, TrainingSettings
from tests.unit.emstream_training.report.reports import member

SETTINGS = TrainingSettings("spots", patch=64)


@pytest.mark.parametrize(
    ("wrong", "phrase"),
    [
        ({"sections": 2}, "1, 3 or 5, got 2"),
        ({"reduction": 3}, "1, 2 or 4, got 3"),
        ({"space_to_depth": True}, "needs a reduced network"),
        ({"patch": 100}, "multiple of 16 for this network, got 100"),
        ({"patch": 80, "reduction": 4}, "multiple of 64"),
        ({"network": "UNet"}, "MultiResUNet, DeepEM3D"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object], phrase: str) -> None:
    with pytest.raises(SettingsError, match=phrase):
        TrainingSettings(object_name="spots", **wrong)  # type: ignore[arg-type]  # they are wrong on purpose


def test_fine_tuning_takes_the_network_of_the_checkpoint_and_smaller_steps() -> None:
    checkpoint: Checkpoint = member("some", sections=5).checkpoint
    found = TrainingSettings.starting_from(checkpoint)
    assert (found.object_name, found.network, found.sections, found.width) == ("spots", "MultiResUNet", 5, 1)
    assert found.learning_rate == pytest.approx(LEARNING_RATE * FINE_TUNING)
    assert found.start_from == "some.onnx"


def test_a_header_has_every_setting_but_no_folder() -> None:
    found = replace(SETTINGS, start_from=str(Path("/some/where/spots.onnx"))).for_header()
    assert set(found) == {field.name for field in fields(TrainingSettings)}
    assert found["start_from"] == "spots.onnx"
    assert SETTINGS.for_header()["start_from"] is None


def test_settings_of_running_decide_nothing() -> None:
    assert {field.name for field in fields(TrainingSettings)} >= RUNNING
    assert not RUNNING & set(SETTINGS.deciding())
    assert replace(SETTINGS, threads=7, save_every=1, use_bf16=True).deciding() == SETTINGS.deciding()
    assert replace(SETTINGS, seed=2).deciding() != SETTINGS.deciding()


def test_a_checkpoint_is_named_after_structure_network_and_sections() -> None:
    assert SETTINGS.checkpoint_name == "spots-multiresunet-3fm"
