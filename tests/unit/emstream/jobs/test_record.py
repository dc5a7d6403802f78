"""Records: JSON that stays as it is, plans that number packages, and jobs whose plan is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from emstream.jobs.record import JobRecord, Plan, PlannedJob, Request, input_identity
from emstream.ledger.terms import JobShape
from tests.plans import make_plan

RECORD = JobRecord(id="j1", owner="ada", request=Request(input="stack.tif"))


def test_a_record_without_a_plan_is_no_planned_job() -> None:
    assert RECORD.planned is None


def test_a_planned_job_writes_the_bytes_of_its_record() -> None:
    plan = make_plan((4, 64, 64), sections=2)
    record = RECORD.model_copy(update={"plan": plan})
    assert record.planned == RECORD.with_plan(plan)
    assert RECORD.with_plan(plan).model_dump_json(indent=1) == record.model_dump_json(indent=1)


def test_a_planned_job_stays_one_when_it_is_changed() -> None:
    planned = RECORD.with_plan(make_plan((4, 64, 64), sections=2))
    renamed = planned.model_copy(update={"name": "cortex"})
    assert isinstance(renamed, PlannedJob)
    assert (renamed.name, renamed.plan) == ("cortex", planned.plan)


def test_a_field_of_another_version_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        JobRecord.model_validate_json(RECORD.model_dump_json()[:-1] + ', "colour": 1}')


def test_packages_are_numbered_through_the_job() -> None:
    plan = make_plan((5, 2048, 1024), sections=2)
    assert plan.job_shape == JobShape(slabs=3, packages_per_slab=2)
    numbers = [package.index for slab in plan.slabs for package in plan.packages(slab)]
    assert numbers == [0, 1, 2, 3, 4, 5]
    for number in numbers:
        slab, package = plan.package(number)
        assert (slab.index, package.index) == (number // 2, number)


def test_only_resampled_grids_have_data_sets_of_their_own() -> None:
    plan = make_plan((2, 64, 64), sections=2)
    resampled = plan.grids[0].model_copy(update={"is_resampled": True})
    both: Plan = plan.model_copy(update={"grids": (plan.grids[0], resampled)})
    assert both.grid_datasets == [("raw/s0", "halo"), ("grid1/raw/s0", "grid1/halo")]


def test_the_inputs_identity_follows_names_sizes_and_times(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"12")
    os.utime(tmp_path / "a.tif", ns=(1, 1))
    before = input_identity(tmp_path)
    assert input_identity(tmp_path) == before
    os.utime(tmp_path / "a.tif", ns=(1, 2))
    after = input_identity(tmp_path)
    (tmp_path / "a.tif").rename(tmp_path / "b.tif")
    assert len({before, after, input_identity(tmp_path)}) == 3


def test_a_thickness_of_0_as_earlier_versions_wrote_it_is_unknown() -> None:
    record = RECORD.with_plan(make_plan((4, 64, 64), sections=2)).model_dump_json()
    assert '"voxel_size_nm":[50' in record
    read = JobRecord.model_validate_json(record.replace('"voxel_size_nm":[50', '"voxel_size_nm":[0'))
    assert read.plan is not None
    assert read.plan.voxel_size_nm == (None, 5, 5)
    assert JobRecord.model_validate_json(read.model_dump_json()) == read
