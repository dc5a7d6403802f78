"""Events of a job: a snapshot, then changes only, until the job is over or gone."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from emstream.api.jobs import ListedJob
from emstream.jobs.folder import JobFolder
from emstream_gateway.context import AppContext
from emstream_gateway.jobs.actions import delete
from emstream_gateway.jobs.status import describe_listed
from emstream_gateway.routes import events
from tests.unit.emstream_gateway.conftest import Site


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PERIOD_S", 0.001)


def states(text: str) -> list[str]:
    """Return the job's state in each event."""
    return [json.loads(line[6:])["state"] for line in text.splitlines() if line.startswith("data: ")]


def test_a_job_that_is_over_is_one_event_without_its_files(site: Site) -> None:
    answer = site.client.get(f"/v1/jobs/{site.finished().path.name}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    lines = answer.text.split("\n")
    assert lines[:3] == ["retry: 2000", "", "event: job"]
    assert states(answer.text) == ["completed"]
    assert "files" not in json.loads(lines[3].removeprefix("data: "))


@pytest.fixture
def at_look(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], list[int]]:
    """Do something just before a stream's look number so-and-so at the job; return the looks as they are made."""

    def arrange(number: int, do: Callable[[], object]) -> list[int]:
        looks: list[int] = []

        def look(context: AppContext, folder: JobFolder) -> ListedJob:
            looks.append(len(looks) + 1)
            if looks[-1] == number:
                do()
            return describe_listed(context, folder)

        monkeypatch.setattr(events, "describe_listed", look)
        return looks

    return arrange


AtLook = Callable[[int, Callable[[], object]], list[int]]


def test_each_change_is_an_event_and_a_job_that_stays_as_it_is_is_silent(site: Site, at_look: AtLook) -> None:
    folder = site.job()
    looks = at_look(5, folder.cancelled_path.touch)
    answer = site.client.get(f"/v1/jobs/{folder.path.name}/events")
    assert states(answer.text) == ["uploading", "cancelled"]
    assert looks == [1, 2, 3, 4, 5]


def test_a_silent_stream_is_kept_open_by_a_comment(
    site: Site, at_look: AtLook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", -1.0)
    folder = site.job()
    at_look(4, folder.cancelled_path.touch)
    assert site.client.get(f"/v1/jobs/{folder.path.name}/events").text.count(": still here\n\n") == 2


def test_the_stream_ends_with_a_job_that_is_deleted(site: Site, at_look: AtLook) -> None:
    folder = site.job()
    at_look(2, lambda: delete(site.context, folder))
    assert states(site.client.get(f"/v1/jobs/{folder.path.name}/events").text) == ["uploading"]


def test_the_stream_ends_with_the_server(site: Site) -> None:
    folder = site.job()
    site.context.stopping.set()
    assert site.client.get(f"/v1/jobs/{folder.path.name}/events").text == "retry: 2000\n\n"


def test_a_job_of_another_owner_is_not_there(site: Site) -> None:
    assert site.client.get(f"/v1/jobs/{site.upload('s1.png').path.name}/events").status_code == 404
