"""The id that a user means."""

from __future__ import annotations

from typing import cast

import pytest

from emstream.client.client import Client
from emstream.errors import JobNotFound
from emstream_cli import options
from emstream_cli.options import ServiceOptions, whole_id
from tests.unit.emstream_cli.service_double import ClientDouble, make_job

IDS = (f"ab{0:030d}", f"ac{0:030d}")


@pytest.fixture
def client() -> Client:
    jobs = [make_job().model_copy(update={"id": name}) for name in IDS]
    return cast(Client, ClientDouble(*jobs))


def test_the_first_characters_are_enough_if_one_job_has_them(client: Client) -> None:
    assert whole_id(client, "ac") == IDS[1]


def test_a_whole_id_is_not_looked_up(client: Client) -> None:
    assert whole_id(client, "f" * 32) == "f" * 32


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        ("a", "2 of the last 100 jobs begin with 'a'"),
        ("x", "none of the last 100 jobs begins with 'x'"),
        ("", "none of the last 100 jobs"),
    ],
)
def test_an_id_of_no_job_or_of_several_is_refused(client: Client, start: str, sentence: str) -> None:
    with pytest.raises(JobNotFound, match=sentence):
        whole_id(client, start)


def test_the_client_gets_address_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(options, "start", lambda verbose: seen.append(verbose))
    monkeypatch.setattr(options, "Client", lambda url, key: seen.extend((url, key)))
    ServiceOptions(url="http://there", key="ems_1", verbose=True).client()
    assert seen == [True, "http://there", "ems_1"]
