"""Actions on jobs: start, cancel, retry, thresholds, delete; each safe to repeat."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.api.problems import NotReady
from emstream.errors import BrokerUnavailable, JobNotFound, UnknownObject, UploadRefused
from emstream.jobs.finish_tasks import FinishKind, FinishTask
from emstream.jobs.folder import JobFolder
from emstream.stages import Stage
from emstream_gateway.jobs.actions import (
    cancel,
    change_thresholds,
    delete,
    request_finish,
    retry,
    save_name,
    server_input,
    start_copy,
    start_upload,
    thresholds_tag,
)
from emstream_gateway.jobs.status import finished_job, state_of
from tests.plans import make_plan
from tests.unit.emstream_gateway.conftest import Desk


def started(desk: Desk, *files: str) -> JobFolder:
    folder = desk.upload(*(files or ("s1.png",)))
    start_upload(desk.context, folder)
    return folder


def finished(desk: Desk) -> JobFolder:
    folder = started(desk)
    desk.plan(folder)
    for slab in range(2):
        for path in (folder.stack(slab), folder.result(slab)):
            path.parent.mkdir(exist_ok=True)
            path.touch()
    desk.finish(folder)
    return folder


def test_a_start_orders_the_files_and_drops_clutter(desk: Desk) -> None:
    folder = started(desk, "s10.png", "s2.png", ".DS_Store")
    record = folder.read()
    assert record is not None
    assert [(file.name, file.stored) for file in record.files] == [
        ("s2.png", "input/00000.png"),
        ("s10.png", "input/00001.png"),
    ]
    assert (folder.path / "input" / "00001.png").read_bytes() == b"s10.png"
    assert not (folder.path / "incoming").exists()
    assert [(hint.stage, hint.job) for hint in desk.sent.hints] == [(Stage.PLAN, folder.path.name)]


@pytest.mark.parametrize("files", [(), (".DS_Store",), ("a/1.png", "b/1.png")])
def test_a_start_without_one_stack_is_refused_and_can_be_mended(desk: Desk, files: tuple[str, ...]) -> None:
    folder = desk.upload(*files)
    with pytest.raises(UploadRefused):
        start_upload(desk.context, folder)
    assert not folder.record_path.exists()
    assert not desk.context.uploads.get(folder).is_closed


def test_a_second_start_changes_nothing(desk: Desk) -> None:
    folder = started(desk)
    first = folder.record_path.read_bytes()
    start_upload(desk.context, folder)
    assert folder.record_path.read_bytes() == first
    assert len(desk.sent.hints) == 1


def test_a_start_whose_entering_was_interrupted_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = desk.upload("s1.png")
    with monkeypatch.context() as broken:
        desk.lose_broker(broken)
        start_upload(desk.context, folder)
    assert (desk.ledger.status(folder.path.name), desk.sent.hints) == (None, [])
    start_upload(desk.context, folder)
    assert [hint.job for hint in desk.sent.hints] == [folder.path.name]


def test_a_start_enters_no_job_that_is_over(desk: Desk) -> None:
    folder = finished(desk)
    desk.ledger.forget(folder.path.name)
    start_upload(desk.context, folder)
    assert desk.ledger.status(folder.path.name) is None


def test_a_copy_works_on_the_same_bytes(desk: Desk) -> None:
    source = started(desk, "s1.png", "s2.png")
    header = desk.context.store.new("ann", "copy", desk.context.store.header(source).settings)  # type: ignore[union-attr]  # it has one
    copy = start_copy(desk.context, header, source)
    one, other = source.path / "input" / "00000.png", copy.path / "input" / "00000.png"
    assert one.samefile(other)
    first, second = source.read(), copy.read()
    assert first is not None
    assert second is not None
    assert first.input_identity == second.input_identity


def test_paths_of_the_server_are_those_under_its_roots(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(UploadRefused, match="EMSTREAM_INPUT_ROOTS is empty"):
        server_input(desk.context, "/data")
    (tmp_path / "stacks" / "rat").mkdir(parents=True)
    settings = desk.context.settings.model_copy(update={"input_roots": str(tmp_path / "stacks")})
    context = desk.context.__class__(
        **{name: getattr(desk.context, name) for name in desk.context.__slots__} | {"settings": settings}
    )
    assert server_input(context, str(tmp_path / "stacks" / "rat")) == tmp_path / "stacks" / "rat"
    for path in ("rat", str(tmp_path), str(tmp_path / "stacks" / "cat"), f"{tmp_path}/stacks/../x", "/a\0b"):
        with pytest.raises(UploadRefused):
            server_input(context, path)


def test_a_cancelled_job_is_retried_from_the_disk(desk: Desk) -> None:
    folder = started(desk)
    for _ in range(2):
        cancel(desk.context, folder)
    assert state_of(desk.context, folder) == "cancelled"
    retry(desk.context, folder, "ann")
    assert state_of(desk.context, folder) == "queued"
    with pytest.raises(NotReady, match="only a job that failed"):
        retry(desk.context, folder, "ann")


def test_a_finished_job_is_not_cancelled(desk: Desk) -> None:
    folder = finished(desk)
    cancel(desk.context, folder)
    assert state_of(desk.context, folder) == "completed"


def test_cancelling_says_that_the_broker_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = started(desk)
    desk.lose_broker(monkeypatch)
    with pytest.raises(BrokerUnavailable):
        cancel(desk.context, folder)
    assert folder.cancelled_path.exists()


def test_new_thresholds_are_written_and_the_job_runs_again(desk: Desk) -> None:
    folder = finished(desk)
    _, record = finished_job(desk.context, folder.path.name, "ann", "x")
    desk.sent.hints.clear()
    change_thresholds(desk.context, folder, record, {"spots": 0.7})
    again = folder.read_planned()
    assert again is not None
    assert (again.plan.thresholds, again.request.threshold) == ({"spots": 0.7}, 0.7)
    assert not folder.report_path.exists()
    assert (Stage.FINISH, 0) in [(hint.stage, hint.unit) for hint in desk.sent.hints]


def test_thresholds_of_unknown_structures_are_refused(desk: Desk) -> None:
    folder = finished(desk)
    _, record = finished_job(desk.context, folder.path.name, "ann", "x")
    with pytest.raises(UnknownObject, match="it has: spots"):
        change_thresholds(desk.context, folder, record, {"cats": 0.7})
    assert folder.report_path.exists()


def test_a_finish_unit_is_requested_also_of_a_forgotten_job(desk: Desk) -> None:
    folder = finished(desk)
    desk.ledger.forget(folder.path.name)
    desk.sent.hints.clear()
    request_finish(desk.context, folder, FinishTask(FinishKind.MASKS, 1))
    assert (Stage.FINISH, 1) in [(hint.stage, hint.unit) for hint in desk.sent.hints]


def test_a_deleted_job_is_gone_from_disk_and_ledger(desk: Desk) -> None:
    folder = started(desk)
    delete(desk.context, folder)
    assert not folder.path.exists()
    assert desk.ledger.status(folder.path.name) is None
    with pytest.raises(JobNotFound):
        desk.context.store.owned(folder.path.name, "ann")


@pytest.mark.parametrize(
    ("job", "saved"),
    [("rat 7/left", "rat_7_left_mask.h5"), ("..", "{id}_mask.h5"), ("", "{id}_mask.h5"), ("ä", "{id}_mask.h5")],
)
def test_files_are_saved_under_plain_names(desk: Desk, job: str, saved: str) -> None:
    folder = started(desk)
    record = folder.read()
    assert record is not None
    name = save_name(record.model_copy(update={"name": job}), "mask.h5")
    assert name == saved.format(id=folder.path.name[:8])


def test_the_tag_of_thresholds_changes_with_them_alone() -> None:
    plan = make_plan((2, 64, 64), 1)
    assert thresholds_tag(plan) == thresholds_tag(plan.model_copy(update={"source": "elsewhere"}))
    assert thresholds_tag(plan) != thresholds_tag(plan.model_copy(update={"thresholds": {"spots": 0.123}}))
