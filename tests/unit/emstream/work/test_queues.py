"""Queues: one per kind of worker, messages that may be lost, and a broker that may be away."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from emstream.errors import BrokerUnavailable
from emstream.ledger.hints import Hint
from emstream.settings import Settings
from emstream.stages import KINDS, Stage
from emstream.work.queues import CelerySender, make_app

HINTS = [Hint(Stage.INFERENCE, "j", unit) for unit in range(3)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, redis_url="redis://127.0.0.1:1/0", redis_prefix="test:")


def test_a_message_is_acknowledged_when_its_task_ends_and_one_is_fetched_at_a_time(settings: Settings) -> None:
    conf = make_app(settings).conf
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier, conf.task_ignore_result) == (True, 1, True)
    assert conf.accept_content == ["json"]
    assert conf.result_backend is None
    assert conf.broker_transport_options["global_keyprefix"] == "test:"


def test_each_kind_of_worker_has_a_queue_and_no_other_is_made(settings: Settings) -> None:
    conf = make_app(settings).conf
    assert tuple(queue.name for queue in conf.task_queues) == KINDS
    assert not conf.task_create_missing_queues


@pytest.mark.parametrize("error", [redis.ConnectionError("away"), OperationalError("away"), OSError("away")])
def test_hints_to_a_broker_that_is_away_are_lost_with_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    sender, tried = CelerySender(settings), []

    def send_task(name: str, args: list[str], queue: str) -> None:
        tried.append(queue)
        raise error

    monkeypatch.setattr(sender._app, "send_task", send_task)
    with caplog.at_level(logging.WARNING, "emstream"):
        sender.send(HINTS)
    assert tried == ["inference"]  # the others would be lost, too, each after its time-out
    assert [record.message for record in caplog.records] == ["hint not sent"]


def test_the_length_of_a_queue_is_asked_under_the_prefix(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = CelerySender(settings)
    monkeypatch.setattr(sender._redis, "llen", lambda name: {"test:inference": 5}[name])
    assert sender.waiting("inference") == 5

    def away(name: str) -> int:
        raise redis.TimeoutError("no answer")

    monkeypatch.setattr(sender._redis, "llen", away)
    with pytest.raises(BrokerUnavailable, match="TimeoutError: no answer"):
        sender.waiting("inference")
