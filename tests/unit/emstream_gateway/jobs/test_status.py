"""Status of jobs: states, progress, errors, and links, with the broker and without."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import JobNotFound
from emstream.ledger.hints import Hint
from emstream.stages import Stage
from emstream_gateway.jobs.actions import cancel, start_upload
from emstream_gateway.jobs.status import describe_job, describe_listed, progress, state_of, warnings_of
from tests.plans import make_plan
from tests.unit.emstream_gateway.conftest import Desk


def counts(done: int, total: int) -> dict[Stage, tuple[int, int]]:
    return dict.fromkeys(Stage, (done, total))


def test_progress_is_the_weighted_share_of_the_stages() -> None:
    assert progress(counts(0, 4)) == 0
    assert progress(counts(2, 4)) == 0.5
    assert progress(counts(4, 4)) == 1
    assert progress(counts(0, 0)) == 0
    assert progress({**counts(0, 4), Stage.INFERENCE: (4, 4)}) == 0.8


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.integers(1, 50))
def test_progress_grows_with_every_unit(done: list[int], total: int) -> None:
    some = {stage: (min(n, total), total) for stage, n in zip(Stage, done, strict=True)}
    more = {stage: (min(n + 1, total), total) for stage, (n, _) in some.items()}
    assert 0 <= progress(some) <= progress(more) <= 1


def test_a_job_goes_from_uploading_to_completed(desk: Desk) -> None:
    folder = desk.upload("s1.png", quality="fast")
    job = describe_job(desk.context, folder)
    assert (job.state, job.progress, job.settings.quality) == ("uploading", 0, "fast")
    assert (job.file_totals.count, job.file_totals.first, job.files[0].received) == (1, "s1.png", 6)
    assert set(job.links) == {"self", "files", "start", "cancel"}
    start_upload(desk.context, folder)
    assert (state_of(desk.context, folder), describe_listed(desk.context, folder).state) == ("queued", "queued")
    desk.plan(folder)
    desk.ledger.forget(folder.path.name)
    desk.ledger.enter(folder.path.name, "ann", folder.found())
    desk.ledger.dispatch(Stage.PREPROCESS, 0.0)
    desk.ledger.claim(Hint(Stage.PREPROCESS, folder.path.name, 0), 0.0)
    job = describe_job(desk.context, folder)
    assert (job.state, job.objects, job.shape_zyx) == ("running", ("spots",), (2, 64, 64))
    assert job.stages["preprocess"].total == 2
    desk.finish(folder)
    job = describe_job(desk.context, folder)
    assert (job.state, job.progress, job.errors) == ("completed", 1, ())
    assert {"mask", "report", "exports"} <= set(job.links)
    assert "cancel" not in job.links


def test_warnings_of_the_report_are_those_of_the_job_too(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    folder.report_path.write_text('{"warnings": ["no nuclei were found", "the sections look blurred"]}')
    plan = make_plan((2, 64, 64), 1).model_copy(update={"warnings": ("the sections look blurred",)})
    assert warnings_of(folder, plan) == ["the sections look blurred", "no nuclei were found"]
    folder.report_path.write_text('{"warnings": 7}')
    assert warnings_of(folder, None) == []


def test_errors_of_the_report_are_those_of_the_job(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    start_upload(desk.context, folder)
    desk.plan(folder)
    desk.finish(folder, {"stage": "inference", "unit": 1, "sentence": "no memory"})
    job = describe_job(desk.context, folder)
    assert (job.state, job.errors[0].sentence) == ("completed_with_errors", "no memory")
    assert "retry" in job.links


@pytest.mark.parametrize(
    ("text", "sentence"), [('{"sentence": "bad"}', "bad"), ("{", "cannot be read"), ("[]", "read")]
)
def test_a_failure_shows_its_sentence_also_if_its_file_is_damaged(desk: Desk, text: str, sentence: str) -> None:
    folder = desk.upload("s1.png")
    start_upload(desk.context, folder)
    folder.failure_path.write_text(text)
    job = describe_job(desk.context, folder)
    assert (job.state, job.errors[0].stage) == ("failed", "plan")
    assert sentence in job.errors[0].sentence
    assert set(job.links) == {"self", "events", "timeline", "view", "retry"}


def test_without_the_broker_the_disk_is_shown_with_a_warning(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desk.upload("s1.png")
    start_upload(desk.context, folder)
    desk.plan(folder)
    folder.stack(0).parent.mkdir()
    folder.stack(0).touch()
    desk.lose_broker(monkeypatch)
    job = describe_job(desk.context, folder)
    assert (job.state, job.stages["preprocess"].done) == ("queued", 1)
    assert job.warnings[0].startswith("The broker does not answer")
    assert state_of(desk.context, folder) == "queued"


def test_reading_a_job_that_the_ledger_does_not_know_changes_nothing(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    start_upload(desk.context, folder)
    desk.ledger.forget(folder.path.name)
    desk.sent.hints.clear()
    assert describe_job(desk.context, folder).state == "queued"
    assert (desk.ledger.status(folder.path.name), desk.sent.hints) == (None, [])


def test_a_cancelled_upload_shows_no_files_and_no_actions(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    cancel(desk.context, folder)
    job = describe_job(desk.context, folder)
    assert (job.state, job.files, set(job.links)) == ("cancelled", (), {"self"})


def test_a_job_deleted_meanwhile_is_not_found(desk: Desk) -> None:
    with pytest.raises(JobNotFound, match="any more"):
        describe_job(desk.context, desk.context.store.folder("0" * 32))


def test_the_state_of_a_job_that_is_over_is_remembered_until_its_folder_changes(desk: Desk) -> None:
    folder = desk.upload("1.png")
    folder.report_path.write_text('{"errors": []}')
    os.utime(folder.path, (1, 1))
    assert state_of(desk.context, folder) == "completed"
    assert folder.path.name in desk.context.ended
    folder.cancelled_path.touch()
    assert state_of(desk.context, folder) == "cancelled"
    assert desk.context.ended[folder.path.name] == (10**9, "completed")  # just changed: not remembered yet
