"""The parts of `emstream serve` that need no process."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import httpx
import pytest

from emstream.api_keys import KeyFile
from emstream.client.address import SERVER_FILE, Address
from emstream.errors import OutputInUse, SettingsError
from emstream.settings import Settings
from emstream.stages import KINDS
from emstream_standalone import service
from emstream_standalone.service import Plan, check_keys, child_specs, choose_port, end_leases, url_of

PLAN = Plan("unix:///tmp/broker.sock", 8081, "secret")


def test_the_gateway_comes_first_and_alone_knows_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMSTREAM_TOKEN", "of the user")
    monkeypatch.setenv("EMSTREAM_KEY", "of the user")
    specs = child_specs(Settings(data=tmp_path, host="127.0.0.1"), PLAN)
    assert [spec.name for spec in specs] == ["gateway", *(f"{kind}-1" for kind in KINDS)]
    gateway, *workers = specs
    assert gateway.environment["EMSTREAM_TOKEN"] == "secret"
    assert gateway.environment["EMSTREAM_PORT"] == "8081"
    for worker in workers:
        assert not {"EMSTREAM_TOKEN", "EMSTREAM_KEY"} & worker.environment.keys()


def test_every_child_knows_the_broker_the_data_and_its_own_name(tmp_path: Path) -> None:
    for spec in child_specs(Settings(data=tmp_path), PLAN):
        assert spec.environment["EMSTREAM_REDIS_URL"] == PLAN.redis_url
        assert spec.environment["EMSTREAM_DATA"] == str(tmp_path)
        assert spec.environment["EMSTREAM_WORKER_NAME"] == spec.name
        assert spec.log == tmp_path / "logs" / f"{spec.name}.log"
        assert spec.sign_of_life is not None
        assert spec.name in spec.sign_of_life.name


def test_the_gateway_is_stopped_before_the_workers(tmp_path: Path) -> None:
    gateway, *workers = child_specs(Settings(data=tmp_path), PLAN)
    assert all(gateway.stop_turn < worker.stop_turn for worker in workers)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("em.example.org", "http://em.example.org:80"),
    ],
)
def test_the_url_is_the_one_by_which_this_machine_reaches_it(host: str, url: str) -> None:
    assert url_of(host, 80) == url


def test_any_free_port_is_chosen_and_a_taken_one_refused() -> None:
    assert choose_port("127.0.0.1", 0) > 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port} cannot be bound .*EMSTREAM_PORT"):
            choose_port("127.0.0.1", port)


def test_without_a_key_only_this_machine_is_served(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        check_keys(Settings(data=tmp_path, host=host))
    with pytest.raises(SettingsError, match="emstream keys add OWNER"):
        check_keys(Settings(data=tmp_path, host="0.0.0.0"))
    KeyFile(tmp_path / "keys.json").add("ana", ["read"])
    check_keys(Settings(data=tmp_path, host="0.0.0.0"))


def test_only_workers_have_leases(tmp_path: Path) -> None:
    assert end_leases("broker", "redis://127.0.0.1:1", Settings(data=tmp_path))
    assert end_leases("gateway", "redis://127.0.0.1:1", Settings(data=tmp_path))


def test_a_broker_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    assert not end_leases("inference-1", f"unix://{tmp_path / 'none.sock'}", Settings(data=tmp_path))


def test_the_address_is_written_for_this_user_only(tmp_path: Path) -> None:
    service._publish(tmp_path, Address("http://127.0.0.1:80", "secret"))
    path = tmp_path / SERVER_FILE
    assert json.loads(path.read_text()) == {"url": "http://127.0.0.1:80", "token": "secret", "pid": os.getpid()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("answer", "failing"),
    [
        (httpx.Response(503, json={"failing": {"redis": "does not answer"}}), {"redis": "does not answer"}),
        (httpx.Response(503, json={}), {"gateway": "/readyz answers 503"}),
        (httpx.Response(502, text="<html>"), {"gateway": "/readyz answers 502"}),
        (httpx.Response(500, json=["odd"]), {"gateway": "/readyz answers 500"}),
    ],
)
def test_what_fails_is_named(answer: httpx.Response, failing: dict[str, str]) -> None:
    assert service._failing(answer) == failing


def test_a_data_folder_is_served_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with service._locked(data), pytest.raises(OutputInUse, match="another emstream serves"), service._locked(data):
        pass
    with service._locked(data):
        pass


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputInUse, match="give another --data"), service._locked(tmp_path / "file" / "data"):
        pass


def test_signals_are_counted_and_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with service._signals() as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        assert stopping.count == 2
    assert signal.getsignal(signal.SIGTERM) is before
