"""Merging shards: only whole ones of one job, and a sentence on what differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import JobFailed, OutputInUse, UsageError
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, PlannedJob, Request
from emstream.jobs.shards import Shard
from emstream.volume.files import publishing
from emstream_postprocess.merge_shards import common_record, gather
from tests.plans import make_plan

PLAN = make_plan((4, 64, 64), sections=2)
JOB = JobRecord(id="local", owner="o", request=Request(input="x"), fingerprint={"engine": "openvino"}).with_plan(PLAN)


def shards(path: Path, second: PlannedJob = JOB) -> dict[Shard, JobFolder]:
    """Return two shards, each with its slab read and stitched."""
    found = {}
    for number, job in ((1, JOB), (2, second)):
        folder = JobFolder(path / f"shard-{number}-of-2" / ".emstream")
        for file in (folder.stack(number - 1), folder.result(number - 1)):
            with publishing(file) as part:
                part.write_bytes(f"slab {number}".encode())
        folder.write(job)
        found[Shard(number, 2)] = folder
    return found


def test_the_shards_of_one_job_have_its_record(tmp_path: Path) -> None:
    assert common_record(shards(tmp_path)) == JOB


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"request": Request(input="x", quality="fast")}, "the setting quality is 'balanced' and 'fast'"),
        ({"input_identity": "other"}, "the input's files changed in between"),
        ({"fingerprint": {"engine": "cuda"}}, "the engine that predicted is 'openvino' and 'cuda'"),
        ({"plan": PLAN.model_copy(update={"thresholds": {"spots": 0.1}})}, r"their plans differ \(thresholds\)"),
    ],
)
def test_shards_of_different_jobs_are_refused_with_what_differs(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UsageError, match=f"shards 1/2 and 2/2 are of different jobs: {sentence}"):
        common_record(shards(tmp_path, JOB.model_copy(update=change)))


def test_a_shard_that_is_not_done_is_named_with_what_is_left(tmp_path: Path) -> None:
    found = shards(tmp_path)
    found[Shard(2, 2)].result(1).unlink()
    with pytest.raises(JobFailed, match=r"shard 2/2 .* is not done: 1 of its 1 packages"):
        common_record(found)


def test_a_shard_that_has_not_begun_is_named(tmp_path: Path) -> None:
    found = shards(tmp_path)
    found[Shard(2, 2)].record_path.unlink()
    with pytest.raises(JobFailed, match=r"shard 2/2 .* has not begun"):
        common_record(found)


def test_files_come_together_by_links_and_stay_if_done_again(tmp_path: Path) -> None:
    found, joined = shards(tmp_path), JobFolder(tmp_path / "out" / ".emstream")
    for _ in range(2):
        gather(found, JOB, joined)
    assert joined.read_planned() == JOB
    assert joined.done_units("stack") == joined.done_units("result") == {0, 1}
    assert joined.result(1).samefile(found[Shard(2, 2)].result(1))


def test_a_folder_with_another_job_is_not_touched(tmp_path: Path) -> None:
    joined = JobFolder(tmp_path / "out" / ".emstream")
    joined.write(JOB.model_copy(update={"name": "other"}))
    with pytest.raises(OutputInUse, match="holds another job"):
        gather(shards(tmp_path), JOB, joined)
