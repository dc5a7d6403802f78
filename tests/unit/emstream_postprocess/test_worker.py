"""The postprocess worker, unit by unit, on a job whose slabs are stitched."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from emstream.errors import JobFailed
from emstream.jobs.export_order import ExportOrder, Wish, export_file, make_order, place_order, read_progress, withdraw
from emstream.jobs.finish_tasks import RESULT, FinishKind, FinishTask
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import export_path, mask_task
from emstream.jobs.record import Plan, PlannedJob
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import Found, JobShape, Limits
from emstream.phantom.finished_job import OBJECT, write_result
from emstream.phantom.sections import Phantom
from emstream.stages import Stage
from emstream.work.loop import Abandoned, Unit
from emstream_postprocess import worker
from emstream_postprocess.worker import Postprocess, drop_masks, with_fingerprint


@dataclass
class Job:
    """A job of two stitched slabs, not yet finished. checks: how often a unit asked whether to go on."""

    folder: JobFolder
    record: PlannedJob
    ledger: MemoryLedger = field(default_factory=lambda: MemoryLedger(Limits(window=1000)))
    checks: int = 0

    @property
    def plan(self) -> Plan:
        return self.record.plan

    def enter(self, results: int) -> None:
        """Enter the job with this many slabs stitched, the others waiting to be."""
        found = Found(JobShape(2, 1), frozenset({0, 1}), frozenset({0, 1}), frozenset(range(results)))
        self.ledger.enter("j", "ann", found)

    def fail(self, stage: Stage, unit: int, sentence: str) -> None:
        """Let a unit that is ready fail for good."""
        hint = next(h for h in self.ledger.dispatch(stage, 0.0) if h.unit == unit)
        self.ledger.fail(hint, self.ledger.claim(hint, 0.0).token, sentence)

    def make(self, task: FinishTask) -> None:
        Postprocess(self.ledger).make(Unit(Hint(Stage.FINISH, "j", task.unit), self.folder, self.record, self.check))

    def check(self) -> None:
        self.checks += 1

    def order(self, **wish: object) -> tuple[int, ExportOrder]:
        order = make_order(self.folder, self.plan, Wish(**wish))  # type: ignore[arg-type]  # as the test names it
        return place_order(self.folder, order), order

    def report(self) -> dict[str, object]:
        report: dict[str, object] = json.loads(self.folder.report_path.read_bytes())
        return report


@pytest.fixture(scope="module")
def stitched(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    folder = write_result(Phantom((4, 64, 96)), tmp_path_factory.mktemp("jobs"), slab_sections=2)
    folder.report_path.unlink()
    return folder


@pytest.fixture
def job(tmp_path: Path, stitched: JobFolder) -> Job:
    folder = JobFolder(Path(shutil.copytree(stitched.path, tmp_path / "j")))
    record = folder.read_planned()
    assert record is not None
    record = record.model_copy(update={"id": "j", "name": "cortex"})
    folder.write(record)
    return Job(folder, record)


def test_the_result_is_masks_objects_and_a_report_without_the_servers_paths(job: Job) -> None:
    job.enter(results=2)
    job.make(RESULT)
    assert sorted(path.name for path in job.folder.exports.iterdir()) == ["mask.h5", "overlay.png"]
    assert (job.folder.measurements / f"{OBJECT}.csv").exists()
    report = job.report()
    assert report["errors"] == []
    assert " emstream predict cortex --output OUT " in str(report["command"])
    assert str(job.folder.path) not in job.folder.report_path.read_text()


def test_units_that_failed_are_in_the_report_but_failed_exports_are_not(job: Job) -> None:
    job.enter(results=1)
    job.fail(Stage.POSTPROCESS, 1, "the slab's packages are damaged")
    job.ledger.add("j", 100_000)
    job.fail(Stage.FINISH, 100_000, "the disk was full")
    job.folder.result(1).unlink()
    job.make(RESULT)
    assert job.report()["errors"] == [
        {"stage": "postprocess", "unit": 1, "sentence": "the slab's packages are damaged"}
    ]


def test_a_job_without_any_slab_fails_with_the_first_units_sentence(job: Job) -> None:
    for slab in job.plan.slabs:
        job.folder.result(slab.index).unlink()
    with pytest.raises(JobFailed, match="no slab could be stitched: retry the job"):
        job.make(RESULT)
    job.enter(results=1)
    job.fail(Stage.POSTPROCESS, 1, "the slab's packages are damaged")
    with pytest.raises(JobFailed, match="the slab's packages are damaged"):
        job.make(RESULT)


def test_what_late_and_killed_workers_left_is_removed_but_not_what_others_may_be_writing(job: Job) -> None:
    late, killed, written = (
        job.folder.probability(0),
        job.folder.path / "result" / ".00001.h5.7.part",
        job.folder.exports / ".export-100000.h5.8.part",
    )
    for path in (late, killed, written):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    job.enter(results=2)
    job.make(RESULT)
    assert [path.exists() for path in (late, killed, written)] == [False, False, True]


def test_others_are_asked_to_number_all_slabs_but_the_last(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(job.ledger, "add", lambda name, unit: asked.append((name, unit)))
    for slab in job.plan.slabs:
        job.folder.labels(slab.index).unlink()
    job.enter(results=2)
    job.make(RESULT)
    assert asked == [("j", FinishTask(FinishKind.LABELS, 0).unit)]


def test_a_helper_numbers_a_slab_and_leaves_damage_to_the_result(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    job.enter(results=2)
    job.make(RESULT)
    before = job.folder.labels(1).read_bytes()
    job.folder.labels(1).unlink()
    job.make(FinishTask(FinishKind.LABELS, 1))
    assert job.folder.labels(1).read_bytes() == before
    job.folder.labels(1).unlink()
    job.folder.result(1).write_bytes(b"damaged")
    job.make(FinishTask(FinishKind.LABELS, 1))
    assert not job.folder.labels(1).exists()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["slab not numbered"]


def test_masks_on_demand_are_made_and_go_when_the_job_is_finished_again(job: Job) -> None:
    paths = [export_path(job.folder, form, OBJECT) for form in ("tiff", "png")]
    for form in ("tiff", "png"):
        job.make(mask_task(form))
    assert all(path.exists() for path in paths)
    with zipfile.ZipFile(paths[1]) as archive:
        assert len(archive.namelist()) == 4
    drop_masks(job.folder, job.plan)
    assert not any(path.exists() for path in paths)
    drop_masks(job.folder, job.plan)  # none is no error


def test_formats_of_the_request_come_with_the_result(job: Job) -> None:
    job.record = job.record.model_copy(update={"formats": ("h5", "png")})
    job.enter(results=2)
    job.make(RESULT)
    assert export_path(job.folder, "png", OBJECT).exists()
    assert not export_path(job.folder, "tiff", OBJECT).exists()


def test_an_export_is_built_once_and_says_how_far_it_is(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    number, order = job.order(content="mask", form="tiff")
    task = FinishTask(FinishKind.EXPORT, number)
    job.make(task)
    final = export_file(job.folder, number, order)
    assert final.exists()
    assert read_progress(job.folder, number) is not None
    assert job.checks > 0
    monkeypatch.setattr(worker, "build_export", lambda *_: pytest.fail("built twice"))
    job.make(task)


def test_an_order_that_was_withdrawn_is_not_built(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    number, _ = job.order()
    withdraw(job.folder, number)
    monkeypatch.setattr(worker, "build_export", lambda *_: pytest.fail("built"))
    job.make(FinishTask(FinishKind.EXPORT, number))


@pytest.mark.parametrize("asks_again", [True, False])
def test_an_order_withdrawn_while_it_is_built_leaves_no_file(
    job: Job, monkeypatch: pytest.MonkeyPatch, asks_again: bool
) -> None:
    number, order = job.order()
    final = export_file(job.folder, number, order)

    def build(*arguments: object) -> None:
        withdraw(job.folder, number)
        if asks_again:
            arguments[-1](0.5)  # type: ignore[operator]  # the builder's look
            pytest.fail("not stopped")
        final.write_bytes(b"too late")

    monkeypatch.setattr(worker, "build_export", build)
    job.make(FinishTask(FinishKind.EXPORT, number))
    assert not final.exists()


def test_a_unit_of_earlier_thresholds_is_abandoned(job: Job) -> None:
    plan = job.plan.model_copy(update={"thresholds": {OBJECT: 0.9}})
    job.folder.write(job.record.with_plan(plan))
    job.enter(results=2)
    with pytest.raises(Abandoned):
        job.make(RESULT)
    assert not job.folder.report_path.exists()


def test_what_predicted_is_read_from_the_jobs_folder(job: Job) -> None:
    assert with_fingerprint(job.folder, job.record) == job.record
    job.folder.fingerprint_path.write_text('{"engine": "cuda"}')
    assert with_fingerprint(job.folder, job.record).fingerprint == {"engine": "cuda"}


def test_wanted_surfaces_are_made(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[JobFolder] = []
    monkeypatch.setattr(worker, "make_meshes", lambda folder, plan, check: made.append(folder))
    job.make(FinishTask(FinishKind.MESHES))
    assert made == [job.folder]
