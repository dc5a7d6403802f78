"""Settings and new jobs: defaults, limits, and what contradicts itself."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from emstream.api.jobs import FileState, JobSettings, NewJob, settings_of
from emstream.jobs.record import Request


def test_settings_survive_the_job_s_request() -> None:
    settings = JobSettings(
        objects=("nuclei",), quality="fast", voxel_size_nm=(40, 8, 8), region=((0, 0, 0), (2, 9, 9)), formats=("tiff",)
    )
    request = settings.request("input", 32, 1024)
    assert isinstance(request, Request)
    assert (request.input, request.slab_sections, request.core_side) == ("input", 32, 1024)
    assert settings_of(request, ("tiff",)) == settings


def test_every_setting_has_a_default() -> None:
    assert settings_of(JobSettings().request("input", 32, 1024), ("h5",)) == JobSettings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"objects": ["a", "a"]},
        {"objects": [""]},
        {"quality": "best"},
        {"voxel_size_nm": [1, 2]},
        {"voxel_size_nm": [0, 1, 1]},
        {"voxel_size_nm": [float("inf"), 1, 1]},
        {"variants": 2},
        {"threshold": 0},
        {"threshold": 1},
        {"min_voxels": 0},
        {"region": [[0, 0, 0]]},
        {"region": [[-1, 0, 0], [1, 1, 1]]},
        {"formats": ["bmp"]},
        {"colour": "red"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        JobSettings.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"files": [{"name": "a"}], "input": "/a"},
        {"input": "/a", "input_of": "b"},
        {"input_of": "b", "start": False},
        {"files": [{"name": ""}]},
        {"files": [{"name": "a", "size": -1}]},
        {"name": "x" * 201},
        {"owner": "bob"},
    ],
)
def test_a_new_job_has_one_input(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NewJob.model_validate(wrong)


def test_the_documented_example_is_a_job() -> None:
    [example] = NewJob.model_json_schema()["examples"]
    assert NewJob.model_validate(example).settings.voxel_size_nm == (40, 8, 8)


def test_a_reply_leaves_out_what_it_does_not_know() -> None:
    state = FileState.model_validate({"name": "a", "size": 1, "received": 1, "checked_by": "somebody"})
    assert state.model_dump() == {"name": "a", "size": 1, "received": 1, "sha256": None}
