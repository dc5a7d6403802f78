"""The dispatcher's rounds: entering from disk, dispatching, and going on after the broker was away."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from emstream.errors import BrokerUnavailable
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.in_redis import Lead, RedisLedger
from emstream.settings import Settings
from emstream.stages import Stage
from emstream.work.queues import CelerySender
from emstream_gateway.jobs.actions import start_upload
from emstream_gateway.jobs.dispatcher import Dispatcher
from tests.unit.emstream_gateway.conftest import Desk


class Ledger(MemoryLedger):
    """The ledger in memory, with what only the one in Redis has."""

    is_new = True

    def is_empty(self) -> bool:
        return self.is_new

    def begin(self) -> None:
        self.is_new = False


class Queues:
    def __init__(self) -> None:
        self.hints: list[Hint] = []
        self.is_away = False

    def waiting(self, queue: str) -> int:
        if self.is_away:
            raise BrokerUnavailable("no answer")
        return 0

    def send(self, hints: Iterable[Hint]) -> None:
        self.hints += hints


class FirstOfAll:
    def is_ours(self) -> bool:
        return True


@pytest.fixture
def queues() -> Queues:
    return Queues()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def dispatcher(ledger: Ledger, queues: Queues, tmp_path: Path) -> Dispatcher:
    settings = Settings.model_validate({"data": tmp_path, "min_free_gb": 0.0})
    lead = cast(Lead, FirstOfAll())
    return Dispatcher(cast(RedisLedger, ledger), cast(CelerySender, queues), settings, lead)


def test_a_new_ledger_is_filled_from_the_disk(
    desk: Desk, dispatcher: Dispatcher, ledger: Ledger, queues: Queues
) -> None:
    waiting, planned, over, uploading = (desk.upload("s1.png") for _ in range(4))
    for folder in (waiting, planned, over):
        start_upload(desk.context, folder)
    desk.plan(planned)
    over.cancelled_path.touch()
    dispatcher.round()
    assert {(hint.stage, hint.job) for hint in queues.hints} == {
        (Stage.PLAN, waiting.path.name),
        (Stage.PREPROCESS, planned.path.name),
    }
    assert ledger.status(over.path.name) is None
    assert ledger.status(uploading.path.name) is None


def test_a_job_that_the_ledger_knows_stays_as_it_is(desk: Desk, dispatcher: Dispatcher, queues: Queues) -> None:
    folder = desk.upload("s1.png")
    start_upload(desk.context, folder)
    for _ in range(2):
        dispatcher.round()
    assert len(queues.hints) == 1


def test_a_damaged_record_is_skipped(desk: Desk, dispatcher: Dispatcher, queues: Queues) -> None:
    damaged, sound = desk.upload("s1.png"), desk.upload("s1.png")
    for folder in (damaged, sound):
        start_upload(desk.context, folder)
    damaged.record_path.write_text("{")
    dispatcher.round()
    assert [hint.job for hint in queues.hints] == [sound.path.name]


def test_a_job_started_while_the_broker_was_away_is_entered_in_the_next_round(
    desk: Desk, dispatcher: Dispatcher, ledger: Ledger, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[None] = []

    def one_more(_: float) -> bool:
        """Stand for the pause between rounds: the broker goes after the first one, and comes back after the second."""
        rounds.append(None)
        queues.is_away = len(rounds) == 1
        if len(rounds) == 1:
            start_upload(desk.context, folder)
        dispatcher._is_stopping = len(rounds) == 3
        return True

    folder = desk.upload("s1.png")
    monkeypatch.setattr(dispatcher._wake, "wait", one_more)
    dispatcher.start()
    dispatcher._thread.join(10)
    assert [hint.job for hint in queues.hints] == [folder.path.name]
    assert not ledger.is_new
