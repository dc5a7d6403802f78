"""Files go the days after a job's end that the settings say, and nothing else goes. The clock is made up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.retention import DAY_S, has_sections
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.in_redis import Lead, RedisLedger
from emstream.ledger.terms import Found, JobShape, Limits
from emstream.settings import Settings
from emstream.work.queues import CelerySender
from emstream_gateway.jobs.dispatcher import Dispatcher

ENDED = 1_000_000.0
FILES = ("input/00000.png", "stack/00000.h5", "probability/00000000.h5", "result/00000.h5", "labels/00000.h5")


class House:
    """A dispatcher over some jobs with made-up files."""

    def __init__(self, data: Path, **days: float) -> None:
        self.data, self.ledger = data, MemoryLedger(Limits())
        settings = Settings.model_validate({"data": data, **days})
        nobody = cast("Lead", None)  # deleting files asks the ledger only
        self.dispatcher = Dispatcher(cast("RedisLedger", self.ledger), cast("CelerySender", None), settings, nobody)

    def job(self, name: str, mark: str | None) -> JobFolder:
        folder = JobFolder(self.data / "jobs" / name)
        for path in FILES:
            (folder.path / path).parent.mkdir(parents=True)
            (folder.path / path).write_bytes(b"x")
        folder.record_path.write_bytes(b"{}")
        self.ledger.enter(name, "o", Found(JobShape(1, 1)))
        if mark is not None:
            (folder.path / mark).touch()
            os.utime(folder.path / mark, (ENDED, ENDED))
        return folder

    def after(self, days: float) -> None:
        self.dispatcher.retain(ENDED + days * DAY_S)


def files(folder: JobFolder) -> set[str]:
    return {str(p.relative_to(folder.path)) for p in folder.path.rglob("*") if p.is_file()} & set(FILES)


def test_by_default_everything_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path)
    folder = house.job("a", "report.json")
    house.after(days=10_000)
    assert files(folder) == set(FILES)


@pytest.mark.parametrize("mark", ["report.json", "failure.json", "cancelled"])
def test_input_then_intermediates_then_all_of_it_goes(tmp_path: Path, mark: str) -> None:
    house = House(tmp_path, keep_input_days=1, keep_intermediates_days=7, keep_results_days=90)
    folder = house.job("a", mark)
    house.after(days=0.9)
    assert files(folder) == set(FILES)
    house.after(days=1)
    assert files(folder) == set(FILES) - {"input/00000.png"}
    assert has_sections(folder)
    house.after(days=7)
    assert files(folder) == {"result/00000.h5", "labels/00000.h5"}
    assert not has_sections(folder)
    house.after(days=89)
    assert files(folder) == {"result/00000.h5", "labels/00000.h5"}
    house.after(days=90)
    assert list((tmp_path / "jobs").iterdir()) == []
    assert house.ledger.status("a") is None


def test_a_job_that_has_not_ended_is_never_touched(tmp_path: Path) -> None:
    house = House(tmp_path, keep_input_days=1, keep_intermediates_days=1, keep_results_days=1)
    folder = house.job("a", None)
    house.after(days=10_000)
    assert files(folder) == set(FILES)
    assert house.ledger.status("a") is not None


def test_the_last_end_counts(tmp_path: Path) -> None:
    house = House(tmp_path, keep_results_days=10)
    folder = house.job("a", "failure.json")
    folder.report_path.touch()
    os.utime(folder.report_path, (ENDED + 5 * DAY_S, ENDED + 5 * DAY_S))
    house.after(days=14)
    assert files(folder) == set(FILES)
    house.after(days=15)
    assert not folder.path.exists()
