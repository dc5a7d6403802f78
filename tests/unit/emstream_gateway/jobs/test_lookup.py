"""Jobs looked up in the state that a route needs; everything else is a sentence."""

from __future__ import annotations

import pytest

from emstream.api.problems import NotReady
from emstream.errors import JobNotFound
from emstream_gateway.jobs.actions import start_upload
from emstream_gateway.jobs.status import finished_job, measured_job, planned_job
from tests.unit.emstream_gateway.conftest import Desk


def test_a_job_is_planned_then_finished_then_measured(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    job = folder.path.name
    with pytest.raises(NotReady, match=r"^the job is uploading: nothing yet$"):
        planned_job(desk.context, job, "ann", "nothing yet")
    start_upload(desk.context, folder)
    with pytest.raises(NotReady, match=f"is queued: there are masks once it is completed, follow it at /v1/jobs/{job}"):
        finished_job(desk.context, job, "ann", "there are masks")
    desk.plan(folder)
    assert planned_job(desk.context, job, "ann", "x")[1].plan.objects == ["spots"]
    with pytest.raises(NotReady, match="once it is completed"):
        finished_job(desk.context, job, "ann", "there are masks")
    desk.finish(folder)
    assert finished_job(desk.context, job, "ann", "x")[0] == folder
    with pytest.raises(JobNotFound, match="no measurements"):
        measured_job(desk.context, job, "ann", None)
    folder.measurements.mkdir()
    (folder.measurements / "spots.h5").touch()
    for name in (None, "spots"):
        assert measured_job(desk.context, job, "ann", name)[2] == "spots"
    with pytest.raises(JobNotFound, match="it has: spots"):
        measured_job(desk.context, job, "ann", "cats")


@pytest.mark.parametrize("owner", ["bob", ""])
def test_jobs_of_others_are_not_found(desk: Desk, owner: str) -> None:
    folder = desk.upload("s1.png")
    for look_up in (planned_job, finished_job):
        with pytest.raises(JobNotFound, match="no job"):
            look_up(desk.context, folder.path.name, owner, "x")
