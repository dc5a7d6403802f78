"""The fence of thresholds: a worker that comes back late stops once job.json says other ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Request
from emstream.ledger.hints import Hint
from emstream.stages import Stage
from emstream.work.loop import Abandoned, Unit
from emstream_postprocess.thresholds_fence import fence
from tests.plans import make_plan

PLAN = make_plan((2, 64, 64), sections=2)
JOB = JobRecord(id="j", owner="o", request=Request(input="x")).with_plan(PLAN)


def unit_of(folder: JobFolder, calls: list[int]) -> Unit:
    folder.write(JOB)
    return Unit(Hint(Stage.FINISH, "j", 0), folder, JOB, lambda: calls.append(1))


def test_the_units_own_check_is_still_called(tmp_path: Path) -> None:
    calls: list[int] = []
    check = fence(unit_of(JobFolder(tmp_path), calls))
    check()
    check()
    assert calls == [1, 1]


def test_other_thresholds_end_the_unit(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    check = fence(unit_of(folder, []))
    check()
    changed = PLAN.model_copy(update={"thresholds": {"spots": 0.25}})
    folder.write(JOB.with_plan(changed))
    with pytest.raises(Abandoned):
        check()


def test_a_change_of_anything_else_does_not(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    check = fence(unit_of(folder, []))
    folder.write(JOB.model_copy(update={"name": "renamed"}))
    check()


def test_a_job_that_is_gone_ends_the_unit(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    check = fence(unit_of(folder, []))
    folder.record_path.unlink()
    with pytest.raises(Abandoned):
        check()
