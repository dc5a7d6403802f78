"""A worker's life: who lost the lease has no say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from emstream.errors import BrokerUnavailable, DiskFull, EmptyInput
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import InputFile, JobRecord, Request
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import JobShape, Limits
from emstream.settings import Settings
from emstream.stages import Stage
from emstream.work.loop import Made, Unit, Worker


class Post:
    """A sender that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Hint] = []

    def send(self, hints: Iterable[Hint]) -> None:
        self.sent += hints


class House:
    """One job, ready to be planned, and a worker."""

    def __init__(self, data: Path) -> None:
        self.ledger = MemoryLedger(Limits())
        self.post = Post()
        self.folder = JobFolder(data / "jobs" / "j")
        file = InputFile(name="s007.png", stored="input/00000.png", size=1, sha256="")
        self.folder.write(JobRecord(id="j", owner="o", request=Request(input="input"), files=(file,)))
        settings = Settings(data=data, min_free_gb=0)
        self.worker = Worker(self.ledger, self.post, settings, "w1")
        self.ledger.enter("j", "o")
        (self.hint,) = self.ledger.dispatch(Stage.PLAN, time.time())

    def failed(self) -> dict[tuple[Stage, int], str]:
        status = self.ledger.status("j")
        assert status is not None
        return status.failed


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def message(house: House) -> str:
    return house.hint.encode().decode()


def test_a_unit_done_hands_out_what_follows(house: House) -> None:
    house.worker.do(message(house), lambda unit: Made(JobShape(2, 1)))
    assert house.post.sent == [Hint(Stage.PREPROCESS, "j", 0), Hint(Stage.PREPROCESS, "j", 1)]
    assert [line for line in house.folder.timeline_path.read_text().splitlines() if '"plan"' in line]


def test_bad_data_fail_the_job_with_the_users_own_names(house: House) -> None:
    def make(unit: Unit) -> Made:
        raise EmptyInput(f"{unit.folder.path}/input/00000.png holds nothing")

    house.worker.do(message(house), make)
    assert house.failed() == {(Stage.PLAN, 0): "s007.png holds nothing"}
    assert "s007.png" in house.folder.failure_path.read_text()


def test_a_worker_that_lost_its_lease_fails_nothing(house: House) -> None:
    def make(unit: Unit) -> Made:
        house.ledger.expire("w1")
        raise EmptyInput("too late")

    house.worker.do(message(house), make)
    assert house.failed() == {}
    assert not house.folder.failure_path.exists()


def test_a_full_disk_is_no_attempt(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream.work.loop.FULL_DISK_PAUSE_S", 0.0)

    def make(unit: Unit) -> Made:
        raise DiskFull("full")

    house.worker.do(message(house), make)
    assert house.post.sent == [house.hint]
    assert house.ledger.claim(house.hint, time.time()).attempt == 1


def test_a_draining_worker_hands_its_unit_back(house: House) -> None:
    def make(unit: Unit) -> Made:
        house.worker.drain.set()
        unit.check()
        raise AssertionError("not abandoned")

    house.worker.do(message(house), make)
    assert house.failed() == {}
    assert house.ledger.claim(house.hint, time.time()).attempt == 1


def test_a_draining_worker_hands_back_even_what_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream.work.loop.DRAIN_PATIENCE_S", 0.05)
    monkeypatch.setattr("emstream.work.loop.LOOK_EVERY_S", 0.01)

    def make(unit: Unit) -> Made:
        house.worker.drain.set()
        deadline = time.monotonic() + 5
        while not house.ledger.dispatch(Stage.PLAN, time.time()):
            assert time.monotonic() < deadline
        return Made(JobShape(2, 1))

    house.worker.do(message(house), make)
    assert house.post.sent == []  # what it made is no longer its to complete
    assert house.ledger.claim(house.hint, time.time()).attempt == 1


def test_a_draining_worker_passes_on_what_it_has_not_begun(house: House) -> None:
    house.worker.drain.set()
    house.worker.do(message(house), lambda unit: Made())
    assert house.post.sent == [house.hint]
    assert house.ledger.claim(house.hint, time.time()).attempt == 1


def test_the_order_to_drain_reaches_processes_forked_before(house: House) -> None:
    child = os.fork()
    if child == 0:
        deadline = time.monotonic() + 10
        while not house.worker.drain.is_set() and time.monotonic() < deadline:
            pass
        os._exit(0 if house.worker.drain.is_set() else 1)
    house.worker.drain.set()
    assert os.waitpid(child, 0)[1] == 0


def test_what_nobody_foresaw_is_tried_four_times(house: House) -> None:
    def make(unit: Unit) -> Made:
        raise ZeroDivisionError("oh")

    for _ in range(4):
        house.worker.do(message(house), make)
    assert house.failed() == {(Stage.PLAN, 0): "ZeroDivisionError: oh"}


def test_a_message_that_is_none_of_ours_is_dropped(house: House) -> None:
    house.worker.do("{}", lambda unit: Made())
    assert house.post.sent == []


def test_a_broker_that_goes_away_while_a_unit_is_made_costs_an_attempt_only(house: House) -> None:
    def make(unit: Unit) -> Made:
        raise BrokerUnavailable("the broker does not answer")

    house.worker.do(message(house), make)
    assert not house.failed()
    assert house.post.sent == [house.hint]
