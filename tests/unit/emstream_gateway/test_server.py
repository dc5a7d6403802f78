"""The server's set-up: small reads, a grace, and streams that end at a signal."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from emstream.settings import Settings
from emstream_gateway.app import ROUTES, make_app
from emstream_gateway.server import GRACE_S, READ_BYTES, SmallReads, keep_freed_memory, make_server
from tests.unit.emstream_gateway.conftest import Desk


class Transport(asyncio.Transport):
    max_size = 256 << 10

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


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
    assert (config.timeout_graceful_shutdown, config.server_header, config.http) == (GRACE_S, False, SmallReads)


def test_every_module_of_routes_is_in_the_app() -> None:
    folder = Path(__file__).parents[3] / "services" / "emstream_gateway" / "routes"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {module.__name__.rsplit(".", 1)[1] for module in ROUTES} == modules


def test_freed_memory_is_kept_wherever_the_allocator_can() -> None:
    keep_freed_memory()
    assert READ_BYTES == 1 << 16
