"""The context of the routes: objects that exist, dispatching, and a broker that is away."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from emstream.api.jobs import JobSettings
from emstream.errors import BrokerUnavailable, UnknownObject, WrongVoxelSize
from emstream_gateway.jobs.actions import start_upload
from tests.unit.emstream_gateway.conftest import Desk


@dataclass
class Woken:
    times: int = 0

    def start(self) -> None:
        raise AssertionError

    def stop(self) -> None:
        raise AssertionError

    def wake(self) -> None:
        self.times += 1


def test_objects_are_checked_against_the_recipes(desk: Desk) -> None:
    desk.context.check_settings(JobSettings(objects=("mitochondria",)))
    desk.context.check_settings(JobSettings(objects=("all",)))
    with pytest.raises(UnknownObject, match=r"cats.*mitochondria"):
        desk.context.check_settings(JobSettings(objects=("cats",)))


def test_unequal_pixels_are_refused_until_they_are_confirmed(desk: Desk) -> None:
    turned = JobSettings(voxel_size_nm=(5.5, 5.5, 30))
    with pytest.raises(WrongVoxelSize, match=r"voxel_size_nm \[30, 5.5, 5.5\].*unequal_pixels"):
        desk.context.check_settings(turned)
    desk.context.check_settings(turned.model_copy(update={"unequal_pixels": True}))
    desk.context.check_settings(JobSettings(voxel_size_nm=(40, None, None)))
    desk.context.check_settings(JobSettings(voxel_size_nm=(None, 5.5, 5.5)))


def test_a_dispatcher_is_woken_and_does_the_sending(desk: Desk) -> None:
    dispatcher = Woken()
    start_upload(replace(desk.context, dispatcher=dispatcher), desk.upload("s1.png"))
    assert (dispatcher.times, desk.sent.hints) == (1, [])


def test_without_a_dispatcher_hints_are_sent_at_once(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    desk.ledger.enter(folder.path.name, "ann")
    desk.context.nudge()
    assert [hint.job for hint in desk.sent.hints] == [folder.path.name]


def test_a_broker_that_is_away_is_no_error(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def away() -> None:
        raise BrokerUnavailable("no answer")

    assert desk.context.try_broker(lambda: None)
    assert not desk.context.try_broker(away)
    assert [record.message for record in caplog.records] == ["broker does not answer"]
