"""Estimates of the time that jobs take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Request
from emstream.models.recipes import Recipe
from emstream.stages import Stage
from emstream_gateway.jobs.estimates import LARGEST, TAIL_BYTES, estimate, passes_of, seconds_left
from tests.plans import make_plan


def write_timeline(path: Path, stage: Stage, count: int, period_s: float) -> None:
    with path.open("a") as file:
        for n in range(count):
            line = {"stage": stage, "unit": n, "start": n * period_s, "stop": (n + 1) * period_s}
            file.write(json.dumps(line) + "\n")


def counts(inference: tuple[int, int]) -> dict[Stage, tuple[int, int]]:
    return {
        Stage.PREPROCESS: (10, 10),
        Stage.INFERENCE: inference,
        Stage.POSTPROCESS: (10, 10),
        Stage.FINISH: (0, 1),
    }


def test_the_rate_of_the_latest_units_gives_the_seconds_left(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    assert seconds_left(timeline, counts((0, 40))) is None
    write_timeline(timeline, Stage.INFERENCE, 10, 2.0)
    assert seconds_left(timeline, counts((10, 40))) == pytest.approx(60.0)
    with timeline.open("a") as file:
        file.write('{"stage": "infer')
    assert seconds_left(timeline, counts((10, 40))) == pytest.approx(60.0)


def test_a_long_timeline_is_read_at_its_end_only(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    write_timeline(timeline, Stage.INFERENCE, 2000, 1.0)
    assert timeline.stat().st_size > 2 * TAIL_BYTES
    assert seconds_left(timeline, counts((2000, 2100))) == pytest.approx(100.0)


def test_the_slowest_stage_counts(tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.jsonl"
    write_timeline(timeline, Stage.INFERENCE, 10, 1.0)
    write_timeline(timeline, Stage.POSTPROCESS, 2, 30.0)
    left = {**counts((10, 20)), Stage.POSTPROCESS: (2, 4)}
    assert seconds_left(timeline, left) == pytest.approx(60.0)
    assert seconds_left(timeline, counts((10, 10))) is None


def recipe(variants: int, *checkpoints: str) -> Recipe:
    return Recipe(checkpoints=checkpoints, variants=variants, halo="exact", threshold=0.5, measured="by nobody")


def test_voxels_are_seen_by_every_network_in_every_variant() -> None:
    assert passes_of([recipe(4, "a")]) == 4
    assert passes_of([recipe(4, "a"), recipe(16, "a", "b")]) == 32


def past_job(
    folder: Path, side: int, seconds: float, is_resampled: bool = False, has_report: bool = True
) -> tuple[JobFolder, JobRecord]:
    folder.mkdir()
    job = JobFolder(folder)
    plan = make_plan((2, side, side), 1)
    grid = plan.grids[0].model_copy(update={"is_resampled": is_resampled, "pixel_size_nm": 8.0})
    record = JobRecord(id=folder.name, owner="ann", request=Request(input="input"))
    line = {"stage": "inference", "unit": 0, "start": 100.0, "stop": 100.0 + seconds}
    job.timeline_path.write_text(json.dumps(line) + "\n")
    if has_report:
        job.report_path.touch()
    return job, record.with_plan(plan.model_copy(update={"grids": (grid,)}))


def estimated(jobs: list[tuple[JobFolder, JobRecord]], work: int, pixel_size_nm: float | None = None) -> float | None:
    records = {folder.path: record for folder, record in jobs}
    found = estimate(lambda folder: records[folder.path], [folder for folder, _ in jobs], work, pixel_size_nm)
    return found.seconds


def test_twice_the_work_takes_twice_the_time(tmp_path: Path) -> None:
    jobs = [past_job(tmp_path / str(n), 100, 10.0) for n in range(3)]
    assert estimated(jobs, 2 * 100 * 100) == 10.0
    assert estimated(jobs, 4 * 100 * 100) == 20.0


def test_without_a_completed_job_there_is_no_estimate(tmp_path: Path) -> None:
    assert estimated([], 100) is None
    assert estimated([past_job(tmp_path / "a", 100, 10.0, has_report=False)], 100) is None


def test_small_jobs_do_not_count_where_there_are_larger_ones(tmp_path: Path) -> None:
    small = [past_job(tmp_path / f"small{n}", 10, 50.0) for n in range(LARGEST)]
    large = [past_job(tmp_path / f"large{n}", 100, 10.0) for n in range(LARGEST)]
    assert estimated([*small, *large], 2 * 100 * 100) == 10.0


def test_resampling_changes_the_work_by_the_square(tmp_path: Path) -> None:
    jobs = [past_job(tmp_path / "a", 100, 10.0, is_resampled=True)]
    assert estimated(jobs, 2 * 100 * 100, 8.0) == 10.0
    assert estimated(jobs, 2 * 100 * 100, 16.0) == 40.0
    assert estimated(jobs, 2 * 100 * 100, 4.0) == 2.5


def test_a_timeline_that_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    jobs = [past_job(tmp_path / name, 100, 10.0) for name in ("sound", "damaged", "none")]
    jobs[1][0].timeline_path.write_text("no JSON\n")
    jobs[2][0].timeline_path.unlink()
    assert estimated(jobs, 2 * 100 * 100) == 10.0
