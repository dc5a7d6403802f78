"""The server's set-up: small reads, a grace, and streams that end at a signal."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import pytest

from emstream.settings import Settings
from emstream_gateway.app import ROUTES, make_app
from emstream_gateway.server import (
    GRACE_S,
    MOST_CONNECTIONS,
    READ_BYTES,
    Connection,
    allow_more_files,
    keep_freed_memory,
    make_server,
    most_connections,
)
from tests.unit.emstream_gateway.conftest import Desk


def test_a_signal_ends_streams_before_the_server(desk: Desk, tmp_path: Path) -> None:
    app = make_app(Settings(data=tmp_path), desk.ledger, desk.sent, None, "token")
    server = make_server(app, "127.0.0.1", 0)
    assert not app.state.context.stopping.is_set()
    server.handle_exit(signal.SIGTERM, None)
    assert app.state.context.stopping.is_set()
    assert server.should_exit


def test_requests_get_their_grace_and_answers_no_name(desk: Desk, tmp_path: Path) -> None:
    app = make_app(Settings(data=tmp_path), desk.ledger, desk.sent, None, "token")
    config = make_server(app, "127.0.0.1", 8080).config
    assert (config.timeout_graceful_shutdown, config.server_header, config.http) == (GRACE_S, False, Connection)


def test_every_module_of_routes_is_in_the_app() -> None:
    folder = Path(__file__).parents[3] / "services" / "emstream_gateway" / "routes"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {module.__name__.rsplit(".", 1)[1] for module in ROUTES} == modules


def test_connections_are_bounded_by_the_files_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, most in (
        (100, 8),
        (256, 32),
        (1024, 416),
        (1 << 20, MOST_CONNECTIONS),
        (resource.RLIM_INFINITY, MOST_CONNECTIONS),
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert most_connections() == most


def test_the_process_may_open_as_many_files_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    for before in ((256, 4096), (1024, resource.RLIM_INFINITY), (9000, 10_000), (4096, 4096)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, before=before: before)
        allow_more_files()
    assert asked == [(4096, 4096), (8192, resource.RLIM_INFINITY)]


def test_freed_memory_is_kept_wherever_the_allocator_can() -> None:
    keep_freed_memory()
    assert READ_BYTES == 1 << 16
