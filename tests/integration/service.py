"""A real `emstream serve` in a process of its own, as tests use it: real broker, real workers, real gateway."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from emstream.client.client import Client
from emstream.ledger.in_redis import RedisLedger
from emstream.ledger.terms import Limits
from emstream.stages import Stage

START_S = 120


class Service:
    """One running service. data: its folder; client: for it."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self.data = data
        self._broker_url = environment.get("EMSTREAM_REDIS_URL", "")
        self._log = data.parent / f"{data.name}.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "emstream_cli", "serve", "--data", str(data), "--port", "0", "--no-open"],
                env=os.environ | {"EMSTREAM_LOG_LEVEL": "INFO"} | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.client = Client(*self._wait(), patience_s=60)

    def _wait(self) -> tuple[str, str]:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            if b"http://" in self._log.read_bytes():
                found = json.loads((self.data / "server.json").read_text())
                return found["url"], found["token"]
            time.sleep(0.1)
        raise AssertionError(f"the service did not start: {self.log()}")

    def log(self) -> str:
        """What the service and its children have said."""
        files = [self._log, *sorted(self.data.glob("logs/*.log"))]
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-4000:]}" for path in files)

    def pids(self, kind: str) -> list[int]:
        """Return the children of a kind: gateway, preprocess, inference, postprocess, or broker."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().decode()
            except (OSError, ValueError):
                continue
            wanted = f"emstream_{kind}" if kind != "broker" else "valkey-server"
            if parent == self.process.pid and wanted in command:
                found.append(int(entry.name))
        return found

    def kill(self, kind: str, how: signal.Signals = signal.SIGKILL) -> int | None:
        """Send a signal to one child of a kind; return its process id, or None if there is none now."""
        for pid in self.pids(kind):
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                continue
            return pid
        return None

    def ledger(self) -> RedisLedger:
        """Return a ledger of our own over the service's broker."""
        return RedisLedger(self.redis(), "emstream:", Limits())

    def redis(self) -> redis.Redis:
        """Return a client of the service's broker: the one it was told of, or its own, by the command line of that."""
        if self._broker_url:
            return redis.Redis.from_url(self._broker_url, socket_timeout=5)
        (pid,) = self.pids("broker")
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode().split("\0")
        socket = next((w for w in words if w.endswith(".sock")), None) or words[0].rpartition("unixsocket:")[2]
        return redis.Redis(unix_socket_path=socket, socket_timeout=5)

    def leased(self, stage: Stage) -> list[tuple[str, int]]:
        """Return the (job, unit) pairs that workers hold now."""
        client: Any = self.redis()
        names = [name.decode() for name in client.zrange(f"emstream:ledger:leases:{stage}", 0, -1)]
        client.close()
        return [(name.rpartition(" ")[0], int(name.rpartition(" ")[2])) for name in names]

    def stop(self) -> int:
        """Stop as Ctrl-C does; return the exit code."""
        self.client.close()
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextmanager
def running(data: Path, **environment: str) -> Iterator[Service]:
    """Run a service for as long as the context lasts."""
    service = Service(data, environment)
    try:
        yield service
    finally:
        service.stop()
