"""Leases kept by a thread, and sentences as the user reads them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from emstream.errors import BrokerUnavailable
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import InputFile, JobRecord, Request
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import Answer, Limits
from emstream.stages import Stage
from emstream.work.heartbeat import Drain
from emstream.work.loop import Leases, as_shown, note_failure

HINT = Hint(Stage.PLAN, "j", 0)
EVERY_S = 0.005


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(Limits(lease_s=100))
    ledger.enter("j", "ann")
    assert ledger.dispatch(Stage.PLAN, 0.0) == [HINT]
    return ledger


def test_a_lease_is_prolonged_as_long_as_it_is_kept(ledger: MemoryLedger) -> None:
    lease, leases = ledger.claim(HINT, 0.0, "w"), Leases(ledger, EVERY_S, Drain())
    with leases.kept(HINT, lease.token):
        wait_until(lambda: ledger.backlog()[Stage.PLAN].oldest_deadline > lease.deadline)
        assert not leases.is_lost(HINT)
    assert not leases.is_lost(HINT)


@pytest.mark.parametrize("end", ["expire", "cancel", "forget"])
def test_a_lease_that_another_may_have_is_lost(ledger: MemoryLedger, end: str) -> None:
    lease, leases = ledger.claim(HINT, 0.0, "w"), Leases(ledger, EVERY_S, Drain())
    with leases.kept(HINT, lease.token):
        getattr(ledger, end)("w" if end == "expire" else "j")
        wait_until(lambda: leases.is_lost(HINT))
    assert not leases.is_lost(HINT)  # a next lease on the unit begins afresh


def test_a_broker_that_is_away_loses_no_lease(ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def away(*_: object) -> Answer:
        asked.append(1)
        raise BrokerUnavailable("away")

    monkeypatch.setattr(ledger, "renew", away)
    lease, leases = ledger.claim(HINT, 0.0, "w"), Leases(ledger, EVERY_S, Drain())
    with leases.kept(HINT, lease.token):
        wait_until(lambda: len(asked) > 2)
        assert not leases.is_lost(HINT)


FOLDER = JobFolder(Path("/data/jobs/0a1b"))


def record_of(**names: str) -> JobRecord:
    files = tuple(
        InputFile(name=name, stored=f"input/{stored}", size=1, sha256="")
        for stored, name in zip(("00000.png", "00001.png"), names.values(), strict=False)
    )
    return JobRecord(id="0a1b", owner="ann", name=names.get("job", ""), request=Request(input="input"), files=files)


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("/data/jobs/0a1b/input/00001.png is truncated", "rat/s2.png is truncated"),
        ("00000.png and 00001.png differ in size", "s1.png and s2.png differ in size"),
        ("cannot write /data/jobs/0a1b/result/00000.h5", "cannot write result/00000.h5"),
        ("/data/jobs/0a1b cannot be listed", "the job cannot be listed"),
        ("the disk is full", "the disk is full"),
    ],
)
def test_a_sentence_has_the_upload_s_names_and_no_path_of_the_server(sentence: str, shown: str) -> None:
    assert as_shown(sentence, FOLDER, record_of(one="rat/s1.png", two="rat/s2.png")) == shown


@pytest.mark.parametrize("sentence", ["/data/jobs/0a1b/input/00000.png is truncated", "00000.png is truncated"])
def test_names_of_an_upload_that_look_like_stored_ones_are_not_replaced_again(sentence: str) -> None:
    assert as_shown(sentence, FOLDER, record_of(one="00001.png", two="00002.png")) == "00001.png is truncated"


def test_the_reason_of_a_failure_is_kept_for_when_the_ledger_is_gone(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    note_failure(folder, 'a "quoted" sentence, µm')
    assert json.loads(folder.failure_path.read_bytes()) == {"sentence": 'a "quoted" sentence, µm'}
