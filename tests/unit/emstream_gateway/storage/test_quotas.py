"""Quotas of keys, and the space that stays free."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.api.problems import TooManyJobs
from emstream.errors import DiskFull
from emstream.host import GIGABYTE
from emstream.jobs.folder import JobFolder
from emstream_gateway.storage.quotas import Quotas, bytes_in, is_over
from emstream_gateway.storage.uploads import UploadLimits
from tests.unit.emstream_gateway.conftest import Desk


def quotas(desk: Desk, **settings: object) -> Quotas:
    return Quotas(desk.context.store, desk.context.settings.model_copy(update=settings))


def test_bytes_of_all_folders_count(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(bytes(10))
    (tmp_path / "y").write_bytes(bytes(5))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert bytes_in(tmp_path / "a") == 10
    assert bytes_in(tmp_path) == 15 + (tmp_path / "link").lstat().st_size
    assert bytes_in(tmp_path / "none") == 0


@pytest.mark.parametrize("mark", ["report.json", "failure.json", "cancelled"])
def test_a_mark_of_its_end_makes_a_job_over(tmp_path: Path, mark: str) -> None:
    assert not is_over(JobFolder(tmp_path))
    (tmp_path / mark).touch()
    assert is_over(JobFolder(tmp_path))


def test_the_disk_keeps_its_watermark(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_gateway.storage.quotas.free_bytes", lambda settings: 3 * GIGABYTE)
    some = quotas(desk, min_free_gb=2.0)
    some.check_bytes("ann", int(0.9 * GIGABYTE))
    with pytest.raises(DiskFull, match=r"has 3\.0 GB free and keeps 2\.0 GB: 1\.5 GB more do not fit"):
        some.check_bytes("ann", int(1.5 * GIGABYTE))


def test_a_key_keeps_only_so_much(desk: Desk) -> None:
    desk.upload("s1.png")
    some = quotas(desk, max_stored_gb=1e-6)  # 1000 bytes
    stored = some.stored_bytes("ann")
    assert 0 < stored < 1000
    some.check_bytes("ann", 1000 - stored)
    with pytest.raises(DiskFull, match="Delete jobs"):
        some.check_bytes("ann", 1001 - stored)
    assert some.stored_bytes("bob") == 0
    some.check_bytes("bob", 1000)


def test_a_count_of_bytes_is_kept_for_some_seconds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    folder, some = desk.upload("s1.png"), desk.context.quotas
    before = some.stored_bytes("ann")
    (folder.path / "more").write_bytes(bytes(100))
    assert some.stored_bytes("ann") == before
    now[0] += 11
    assert some.stored_bytes("ann") == before + 100


def test_only_unfinished_jobs_count(desk: Desk) -> None:
    some = quotas(desk, max_running_jobs=2)
    jobs = [desk.upload("s1.png") for _ in range(2)]
    with pytest.raises(TooManyJobs, match="2 unfinished jobs, at most 2"):
        some.check_jobs("ann")
    some.check_jobs("bob", 2)
    with pytest.raises(TooManyJobs, match="and 3 more were sent"):
        some.check_jobs("bob", 3)
    jobs[0].cancelled_path.touch()
    some.check_jobs("ann")


def test_the_largest_file_is_set_in_gigabytes(desk: Desk) -> None:
    assert quotas(desk, max_file_gb=0.001, max_files=3).upload_limits == UploadLimits(3, 1_000_000)
