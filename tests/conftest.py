"""Fixtures and settings that all tests share: the labelled sections, a broker, the marks of slow tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from emstream.ledger.redis_client import connect
from emstream_standalone.broker import running_broker
from tests.places import ROOT

settings.register_profile("emstream", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("emstream")  # a busy machine fails no example: 200 ms were not enough on two shared cores

DATA = Path(os.environ.get("EMSTREAM_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_mitochondria() -> Path:
    """The labelled SBEM sections; tests that need them are skipped where they are not."""
    folder = DATA / "mitochondria_sbem"
    if not folder.is_dir():
        pytest.skip("the real labelled sections (mitochondria_sbem) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of all labelled sets; tests that need it are skipped where it is not."""
    if not DATA.is_dir():
        pytest.skip("the real labelled sections are not on this machine")
    return DATA


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A client of a real broker on a unix socket."""
    with running_broker(tmp_path_factory.mktemp("broker")) as running:
        client = connect(running.url)
        yield client
        client.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that is marked as slow without a reason."""
    for item in items:
        mark = item.get_closest_marker("slow")
        if mark is not None and not mark.kwargs.get("reason"):
            raise pytest.UsageError(f"{item.nodeid} is marked as slow: say why, by slow(reason=...)")
