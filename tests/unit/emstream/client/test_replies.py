"""Jobs as the client gives them: what newer services add is left out, and a notebook shows the rest."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from emstream.api.jobs import ListedJob
from emstream.api.schemas import OVER, State
from emstream.client.replies import Job, Jobs
from emstream.stages import Stage
from tests.replies import shown_job

STATES: list[State] = ["uploading", "queued", "running", "completed", "completed_with_errors", "failed", "cancelled"]


def test_fields_and_settings_of_a_newer_service_do_no_harm() -> None:
    shown = shown_job("j1", "queued", settings={"quality": "best", "new": 1}, mood="good")
    [job] = Jobs.model_validate({"jobs": [shown], "total": 1}).jobs
    assert (job.id, job.files, job.settings) == ("j1", (), {"quality": "best", "new": 1})
    assert isinstance(job, ListedJob)


@pytest.mark.parametrize("state", STATES)
def test_a_job_is_over_in_its_last_states(state: State) -> None:
    job = Job.model_validate(shown_job("j1", state))
    assert job.is_over == (state in OVER)
    assert job.has_result == state.startswith("completed")


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValidationError):
        Job.model_validate(shown_job("j1", "dreaming"))


def test_counts_come_by_stage() -> None:
    job = Job.model_validate(shown_job("j1", "running", stages={"inference": {"done": 1, "total": 2}}))
    assert job.counts[Stage.INFERENCE] == (1, 2)
    assert job.counts[Stage.FINISH] == (0, 0)


def test_a_notebook_shows_state_size_and_sentences() -> None:
    shown = shown_job(
        "0" * 32,
        "completed_with_errors",
        name="rat",
        progress=1.0,
        shape_zyx=[2, 64, 48],
        objects=["nuclei", "mitochondria"],
        warnings=["The voxel size is unusual."],
        errors=[{"stage": "inference", "unit": 1, "sentence": "no memory"}],
    )
    html = Job.model_validate(shown)._repr_html_()
    for text in (
        "job 00000000: rat",
        "completed_with_errors, 100 %",
        "2 x 64 x 48 voxels (z, y, x)",
        "finds nuclei, mitochondria",
        "note: The voxel size is unusual.",
        "failed: no memory",
    ):
        assert f">{text}<" in html


def test_a_picture_is_fetched_only_of_a_job_with_a_result() -> None:
    asked: list[str] = []

    def picture() -> bytes:
        asked.append("picture")
        return b"PNG"

    for state, expected in (("running", None), ("completed", b"PNG")):
        job = Job.model_validate(shown_job("j1", state)).with_picture(picture)
        assert job._repr_png_() == expected
    assert asked == ["picture"]
