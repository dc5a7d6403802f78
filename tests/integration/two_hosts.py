"""A second host on this machine: a network namespace at the end of a cable, and workers that run there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emstream_standalone.broker import find_broker

FIRST, SECOND = "10.213.77.1", "10.213.77.2"
PORT = 16379
PASSWORD = "0123456789abcdef"
BROKER_URL = f"redis://:{PASSWORD}@{FIRST}:{PORT}/0"
START_S = 60


class Cable:
    """The link between the first host (this network) and the second one. Raises PermissionError where not allowed."""

    def __init__(self) -> None:
        self._space, self._end = f"emstream-{os.getpid()}", f"em{os.getpid()}"
        far = f"{self._end}b"
        try:
            ip("netns", "add", self._space)
            ip("link", "add", self._end, "type", "veth", "peer", "name", far, "netns", self._space)
            ip("address", "add", f"{FIRST}/30", "dev", self._end)
            ip("link", "set", self._end, "up")
            ip("-n", self._space, "address", "add", f"{SECOND}/30", "dev", far)
            ip("-n", self._space, "link", "set", far, "up")
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            raise PermissionError(f"network namespaces cannot be made here (needs root and ip): {error}") from error

    def cut(self) -> None:
        """Take the link away: packets are lost without a word, as when a switch dies."""
        ip("link", "set", self._end, "down")

    def mend(self) -> None:
        """Put the link back."""
        ip("link", "set", self._end, "up")

    def close(self) -> None:
        """Take the second host's network away."""
        subprocess.run(["ip", "link", "delete", self._end], capture_output=True)
        subprocess.run(["ip", "netns", "delete", self._space], capture_output=True)

    def there(self, *command: str) -> list[str]:
        """Return a command as it is run on the second host."""
        return ["ip", "netns", "exec", self._space, *command]


def ip(*words: str) -> None:
    """Run `ip`. Raises OSError, subprocess.CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def broker_on_tcp(folder: Path) -> Iterator[None]:
    """Run a broker with a password on the first host's address."""
    folder.mkdir()
    path = folder / "valkey.conf"
    path.write_text(f"bind {FIRST}\nport {PORT}\nrequirepass {PASSWORD}\ndir {folder}\nappendonly yes\n")
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen([find_broker().path, path], stdout=log, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def workers_there(
    cable: Cable, data: Path, environment: dict[str, str], names: tuple[str, ...]
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run inference workers of these names on the second host, in the service's environment; killed at the end."""
    running = {}
    try:
        for name in names:
            own = {"EMSTREAM_DATA": str(data), "EMSTREAM_WORKER_NAME": name}
            with (data.parent / f"{name}.log").open("wb") as log:
                running[name] = subprocess.Popen(
                    cable.there(sys.executable, "-m", "emstream_inference.worker"),
                    env=os.environ | environment | own,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
        deadline = time.monotonic() + START_S
        while not all((data / "run" / f"inference.{name}.alive").exists() for name in names):
            assert time.monotonic() < deadline, "\n".join((data.parent / f"{n}.log").read_text() for n in names)
            time.sleep(0.05)
        yield running
    finally:
        for process in running.values():
            process.kill()
            process.wait()
