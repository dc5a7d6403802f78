"""States of a job, and schemas of exports, thresholds and the view."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from emstream.api.results import ExportWish, Thresholds
from emstream.api.schemas import OVER, WITH_RESULT, Given, Reply, State


def test_a_job_is_over_in_four_of_its_states() -> None:
    states = set(get_args(State))
    assert WITH_RESULT < OVER < states
    assert states - OVER == {"uploading", "queued", "running"}


def test_given_fields_must_be_known_and_replies_may_grow() -> None:
    class Wish(Given):
        z: int

    class Shown(Reply):
        z: int

    with pytest.raises(ValidationError):
        Wish.model_validate({"z": 1, "w": 2})
    assert Shown.model_validate({"z": 1, "w": 2}).model_dump() == {"z": 1}
    with pytest.raises(ValidationError):
        Shown(z=1).z = 2  # type: ignore[misc]  # frozen


def test_an_export_has_defaults_and_bounds() -> None:
    wish = ExportWish()
    assert (wish.content, wish.format, wish.objects, wish.z) == ("mask", "h5", None, None)
    for wrong in ({"z": [0]}, {"z": [-1, 2]}, {"content": "sound"}, {"format": "doc"}, {"objects": [""]}):
        with pytest.raises(ValidationError):
            ExportWish.model_validate(wrong)


@pytest.mark.parametrize("threshold", [0, 1, -0.5, float("nan"), "high"])
def test_thresholds_are_within_what_a_probability_can_be(threshold: object) -> None:
    assert Thresholds.model_validate({"nuclei": 0.5}).root == {"nuclei": 0.5}
    with pytest.raises(ValidationError):
        Thresholds.model_validate({"nuclei": threshold})
