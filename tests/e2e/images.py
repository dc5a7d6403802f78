"""A machine as the images and docker-compose.yml make it, without containers: an environment for each image with its
extras only, and each service's command, environment and user as written there, joined by one folder and one broker.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emstream_standalone.broker import find_broker
from tests.places import ROOT

USER = 10001
PASSWORD = "0123456789abcdef"
SERVICES = ("gateway", "preprocess", "inference", "postprocess")


def install(folder: Path) -> dict[str, Path]:
    """Make or renew an environment for each image in a folder; return their folders by extras."""
    for old in folder.glob("*.whl"):
        old.unlink()
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("emstream-*.whl")
    made = {}
    for extras in ("gateway", "worker", "cpu"):
        made[extras] = place = folder / extras
        if not (place / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", place], check=True)
        own = (place / "bin" / "python", *pip[1:], "install", "--constraint", ROOT / "constraints.txt")
        subprocess.run([*own, f"{wheel}[{extras}]"], check=True)
        subprocess.run([*own, "--no-deps", "--force-reinstall", wheel], check=True)
    return made


def has(environment: Path, module: str) -> bool:
    """Return whether an environment has a module."""
    program = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return subprocess.run([environment / "bin" / "python", "-c", program], cwd="/").returncode == 0


class Machine:
    """One host after `docker compose up` without GPU. data: the volume of that name."""

    def __init__(self, folder: Path, environments: dict[str, Path], compose: str) -> None:
        self.data, self._broker_data = folder / "data", folder / "broker"
        self._as_user = as_user(environments["cpu"])
        for path in (self.data, self._broker_data):
            path.mkdir()
            os.chown(path, self._as_user.get("user", -1), self._as_user.get("group", -1))
        self._log_folder, self._environments = folder, environments
        self.broker_port, self.port = free_port(), free_port()
        self._composition = composition(compose)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str) -> None:
        """Start a service as compose would."""
        settings = self._composition["services"][service]
        extras = settings["image"].rpartition(":")[2]
        bin_folder = self._environments[extras] / "bin"
        environment = image_environment() | {k: v for k, v in settings["environment"].items() if v is not None}
        environment |= {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "EMSTREAM_DATA": str(self.data),
            "EMSTREAM_REDIS_URL": environment["EMSTREAM_REDIS_URL"].replace(
                "@valkey:6379", f"@127.0.0.1:{self.broker_port}"
            ),
        }
        if service == "gateway":
            environment["EMSTREAM_PORT"] = str(self.port)
        self._run(service, [str(bin_folder / settings["command"][0]), *settings["command"][1:]], environment)

    def start_broker(self) -> None:
        """Start the broker with the configuration that compose gives it."""
        text = self._composition["configs"]["valkey.conf"]["content"].replace("dir /data", f"dir {self._broker_data}")
        path = self._broker_data / "valkey.conf"
        path.write_text(f"{text}bind 127.0.0.1\nport {self.broker_port}\n")
        self._run("valkey", [str(find_broker().path), str(path)], {"PATH": os.environ["PATH"]})

    def emstream(self, extras: str, *arguments: str) -> str:
        """Run the command in an image's environment, as its user; return what it prints."""
        place = self._environments[extras] / "bin"
        environment = image_environment() | {"PATH": f"{place}:{os.environ['PATH']}", "EMSTREAM_DATA": str(self.data)}
        command = [str(place / "emstream"), *arguments]
        done = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True, cwd="/tmp", **self._as_user
        )
        return str(done.stdout)

    def is_healthy(self) -> bool:
        """Run the Dockerfile's health check."""
        environment = {"PATH": os.environ["PATH"], "EMSTREAM_DATA": str(self.data)}
        return subprocess.run(health_check(), env=environment, **self._as_user).returncode == 0

    def log(self) -> str:
        """Return the logs of all services."""
        return "\n".join(f"== {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self._log_folder.glob("*.log")))

    def stop(self) -> dict[str, int]:
        """Stop all services as `docker compose stop` does, the broker last; return their exit codes."""
        codes = {}
        for name in [*(name for name in self.processes if name != "valkey"), "valkey"]:
            process = self.processes.pop(name, None)
            if process is None:
                continue
            process.terminate()
            try:
                codes[name] = process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                codes[name] = process.wait()
        return codes

    def _run(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self._log_folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, env=environment, cwd="/tmp", stdout=log, stderr=subprocess.STDOUT, **self._as_user
            )


@contextmanager
def running(folder: Path, environments: dict[str, Path], compose: str) -> Iterator[Machine]:
    """Run a machine with its broker; the caller starts the services."""
    machine = Machine(folder, environments, compose)
    try:
        machine.start_broker()
        yield machine
    finally:
        machine.stop()


def composition(compose: str) -> dict[str, Any]:
    """Return the composition of the variant without GPU, as docker-compose reads it."""
    names = ("docker-compose.yml", "services/deploy/compose.cpu.yml")
    files = [part for name in names for part in ("--file", str(ROOT / name))]
    done = subprocess.run(
        [compose, "--env-file", os.devnull, *files, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "BROKER_PASSWORD": PASSWORD},
        check=True,
        stdout=subprocess.PIPE,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def image_environment() -> dict[str, str]:
    """Return the variables that the image sets, except PATH."""
    text = (ROOT / "services" / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    (block,) = re.findall(r"^ENV ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    pairs = (word.split("=", 1) for word in block.replace("\\\n", " ").split())
    return {name: value for name, value in pairs if name != "PATH"}


def health_check() -> list[str]:
    """Return the image's health check."""
    (words,) = re.findall(r"^HEALTHCHECK .*\\\n\s+CMD (.*)$", (ROOT / "services/Dockerfile").read_text(), re.MULTILINE)
    found: list[str] = json.loads(words)
    return found


def as_user(environment: Path) -> dict[str, Any]:
    """Return the arguments that run a process as the image's user; none if not allowed or if it cannot reach Python."""
    if os.getuid() != 0:
        return {}
    user: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []}
    same = f"import sys; sys.exit(sys.version != {sys.version!r})"
    try:
        subprocess.run([environment / "bin" / "python", "-c", same], cwd="/", check=True, **user)
    except (PermissionError, subprocess.CalledProcessError):
        return {}
    return user


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
