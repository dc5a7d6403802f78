"""Jobs on disk: owners, records read once, keys that make a job once, and leftovers."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from emstream.api.jobs import JobSettings
from emstream.errors import JobNotFound, UploadConflict
from emstream_gateway.jobs.actions import start_upload
from emstream_gateway.storage.job_store import KEY_S, STALE_S, JobStore
from tests.unit.emstream_gateway.conftest import Desk


def make_old(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    for one in [*path.rglob("*"), path]:
        os.utime(one, (then, then))


def test_a_job_belongs_to_its_owner_also_after_a_restart(desk: Desk, tmp_path: Path) -> None:
    folder = desk.upload("s1.png")
    for store in (desk.context.store, JobStore(tmp_path)):
        assert store.owned(folder.path.name, "ann") == folder
        assert store.owner_of(folder) == "ann"
        with pytest.raises(JobNotFound, match="of this key"):
            store.owned(folder.path.name, "bob")


@pytest.mark.parametrize("job", ["", "..", "x", "0" * 32, "A" * 32, ".upload-" + "0" * 32])
def test_what_is_no_job_is_not_found(desk: Desk, job: str) -> None:
    with pytest.raises(JobNotFound):
        desk.context.store.owned(job, "ann")


def test_jobs_are_listed_newest_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = []
    for number in range(3):
        monkeypatch.setattr("time.time", lambda number=number: 1000.0 + number)
        jobs.append(desk.upload("s1.png", owner="ann" if number < 2 else "bob").path.name)
    store = desk.context.store
    assert [entry.id for entry in store.entries()] == jobs[::-1]
    assert [entry.id for entry in store.entries("ann")] == jobs[1::-1]


def test_a_record_is_read_again_only_when_it_has_changed(desk: Desk) -> None:
    folder, store = desk.upload("s1.png"), desk.context.store
    assert store.record(folder) is None
    start_upload(desk.context, folder)
    first = store.record(folder)
    assert first is not None
    assert store.record(folder) is first
    folder.write(first.model_copy(update={"name": "other"}))
    again = store.record(folder)
    assert again is not None
    assert again.name == "other"


def test_the_same_key_of_the_same_owner_makes_one_job(desk: Desk) -> None:
    store, folder = desk.context.store, desk.upload("s1.png")
    job = folder.path.name
    assert store.claim_key("ann", "k", job, "{}") is None
    assert store.claim_key("ann", "k", "0" * 32, "{}") == folder
    with pytest.raises(UploadConflict, match="sent before with other content"):
        store.claim_key("ann", "k", "0" * 32, "other")
    assert store.claim_key("bob", "k", "1" * 32, "{}") is None
    store.remove(job)
    assert store.claim_key("ann", "k", "2" * 32, "{}") is None, "a deleted job is made again"


def test_a_removed_job_is_gone_at_once(desk: Desk) -> None:
    folder, store = desk.upload("s1.png"), desk.context.store
    store.remove(folder.path.name)
    assert store.entries() == []
    assert not folder.path.exists()


def test_leftovers_go_and_jobs_stay(desk: Desk) -> None:
    store, job = desk.context.store, desk.upload("s1.png")
    names = [".deleted-1", ".upload-young", ".upload-old", ".inspect-old", "1" * 32]
    for name in names:
        (store.path / name).mkdir()
    for name in (".upload-old", ".inspect-old", job.path.name):
        make_old(store.path / name, STALE_S + 10)
    store.claim_key("ann", "old", job.path.name, "{}")
    [key] = store.path.parent.joinpath("idempotency").iterdir()
    make_old(key, KEY_S + 10)
    store.clear_leftovers()
    assert {path.name for path in store.path.iterdir()} == {job.path.name, ".upload-young", "1" * 32}
    assert not key.exists()


def test_a_damaged_header_is_no_job(desk: Desk, tmp_path: Path) -> None:
    folder = desk.upload("s1.png")
    (folder.path / "upload.json").write_text("{")
    store = JobStore(tmp_path)
    assert store.header(folder) is None
    with pytest.raises(JobNotFound, match="any more"):
        store.owner_of(folder)


def test_a_new_job_has_an_id_and_no_files(desk: Desk) -> None:
    store = desk.context.store
    one, other = (store.new("ann", "rat", JobSettings()) for _ in range(2))
    assert one.id != other.id
    assert len(one.id) == 32
    assert not store.folder(one.id).path.exists()
