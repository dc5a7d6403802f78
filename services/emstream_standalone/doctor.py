"""Checks of `emstream doctor`: each says what it found and what to do, and none ever raises."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from emstream.api_keys import KeyFile
from emstream.client.address import LOOPBACK, read_server_file
from emstream.errors import EmstreamError, ServiceUnavailable
from emstream.settings import Settings
from emstream.version import __version__
from emstream.volume.parallel import cores

State = Literal["ok", "warning", "missing"]
GB = 1e9
LEAST_MEMORY_GB = 4.0  # a 1024 x 1024 core with its network takes 1.2 GB
RUNTIMES = ("docker", "podman", "apptainer", "singularity")
SERVICE_PACKAGES = ("redis", "celery", "fastapi", "uvicorn", "python-multipart", "prometheus-client")
RUN_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. advice: what to do; empty if nothing. is_needed: the service does not run while it is missing."""

    name: str
    state: State
    found: str
    advice: str = ""
    is_needed: bool = False


def run_checks(settings: Settings) -> list[Check]:
    """Run all checks, in the order in which they are shown."""
    return [_safely(name, check, settings) for name, check in CHECKS.items()]


def _safely(name: str, check: Callable[[Settings], Check], settings: Settings) -> Check:
    try:
        return check(settings)
    except EmstreamError as error:
        return Check(name, "missing", str(error), is_needed=name in NEEDED)
    except Exception as error:  # a check that fails must not hide the others
        return Check(name, "warning", f"could not be checked ({type(error).__name__}: {error})")


def _emstream(settings: Settings) -> Check:
    return Check("emstream", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")


def _service_packages(settings: Settings) -> Check:
    absent = [name for name in SERVICE_PACKAGES if _version(name) is None]
    if absent:
        advice = "for `emstream serve`: pip install 'emstream[serve]'"
        return Check("service packages", "missing", f"without {', '.join(absent)}", advice, is_needed=True)
    return Check("service packages", "ok", ", ".join(f"{name} {_version(name)}" for name in SERVICE_PACKAGES[:4]))


def _broker(settings: Settings) -> Check:
    from emstream.ledger.redis_client import connect, without_password
    from emstream_standalone.broker import LEAST_VERSION, find_broker

    if not settings.redis_url:
        return Check("broker", "ok", f"{find_broker()}: `emstream serve` starts it")
    client = connect(settings.redis_url)
    try:
        answer = client.info("server")
    finally:
        client.close()
    version = str(answer.get("valkey_version") or answer.get("redis_version") or "of unknown version")
    found = f"{version} at {without_password(settings.redis_url)} (EMSTREAM_REDIS_URL)"
    parts = tuple(int(part) for part in version.split(".") if part.isdigit())
    if parts and parts < LEAST_VERSION:
        return Check("broker", "missing", found, "at least 6.2 is needed: update it", is_needed=True)
    return Check("broker", "ok", found)


def _engine(settings: Settings) -> Check:
    from emstream_inference.engines import make_engine

    engine = make_engine(settings)
    versions = [f"{name} {version}" for name in ("openvino", "torch") if (version := _version(name))]
    return Check("engine", "ok", f"{engine.name}, {engine.precision}; installed: {', '.join(versions)}")


def _machine(settings: Settings) -> Check:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GB
    found = f"{cores()} cores, {memory:.0f} GB of memory"
    if memory < LEAST_MEMORY_GB:
        return Check("machine", "warning", found, "it is little: set EMSTREAM_CORE_SIDE=512, EMSTREAM_PACKAGE_TASKS=1")
    return Check("machine", "ok", found)


def _gpu(settings: Settings) -> Check:
    if shutil.which("nvidia-smi") is None:
        return Check("GPU", "ok", "none seen (no nvidia-smi): the CPU engine is used")
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)
    cards = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    if answer.returncode or not cards:
        return Check("GPU", "warning", "nvidia-smi finds none", "check the driver, or use the CPU engine")
    if importlib.util.find_spec("torch") is None:
        return Check("GPU", "warning", "; ".join(cards), "to use it: pip install 'emstream[gpu]'")
    return Check("GPU", "ok", "; ".join(cards))


def _containers(settings: Settings) -> Check:
    seen = [name for name in RUNTIMES if shutil.which(name)]
    return Check("containers", "ok", ", ".join(seen) or "no docker, podman or apptainer: `emstream serve` needs none")


def _disk(settings: Settings) -> Check:
    data = settings.data.expanduser().absolute()
    place = next(folder for folder in (data, *data.parents) if folder.exists())
    free = shutil.disk_usage(place).free / GB
    found = f"{free:.1f} GB free in {data}" + ("" if place == data else " (made at the first start)")
    if not os.access(place, os.W_OK):
        return Check("disk", "missing", f"{place} cannot be written", "give another EMSTREAM_DATA", is_needed=True)
    if free < settings.min_free_gb:
        advice = (
            f"{settings.min_free_gb:g} GB are kept (EMSTREAM_MIN_FREE_GB): free some, or give another EMSTREAM_DATA"
        )
        return Check("disk", "missing", found, advice, is_needed=True)
    if free < 10 * settings.min_free_gb:
        return Check("disk", "warning", found, "large stacks need more: free some, or give another EMSTREAM_DATA")
    return Check("disk", "ok", found)


def _keys(settings: Settings) -> Check:
    keys = KeyFile(settings.data.expanduser() / "keys.json").list()
    found = f"{len(keys)} keys, bound to {settings.host}"
    if not keys and settings.host not in LOOPBACK:
        return Check("keys", "missing", found, "others can reach it: `emstream keys add OWNER`", is_needed=True)
    return Check("keys", "ok", found + ("" if keys else ": the printed URL lets this machine's users in"))


def _port(settings: Settings) -> Check:
    if settings.port == 0:
        return Check("port", "ok", "any free one")
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return _taken(settings, error)
    return Check("port", "ok", f"{settings.host}:{settings.port} is free")


def _taken(settings: Settings, error: OSError) -> Check:
    try:
        running = read_server_file(settings.data.expanduser())
    except ServiceUnavailable:
        found = f"{settings.host}:{settings.port}: {error.strerror}"
        return Check("port", "warning", found, "use another: `emstream serve --port 0`, or EMSTREAM_PORT")
    return Check("port", "ok", f"`emstream serve` runs at {running.url}")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _models(settings: Settings) -> Check:
    from emstream.models.recipes import MODELS, shipped_books

    folder = Path(settings.models or MODELS)
    books = shipped_books(folder)
    if not books:
        return Check("models", "missing", f"none in {folder}", "correct or unset EMSTREAM_MODELS", is_needed=True)
    return Check("models", "ok", f"{', '.join(books)} in {folder}")


NEEDED = frozenset({"broker", "engine", "models", "keys"})
CHECKS: dict[str, Callable[[Settings], Check]] = {
    "emstream": _emstream,
    "service packages": _service_packages,
    "broker": _broker,
    "engine": _engine,
    "models": _models,
    "machine": _machine,
    "GPU": _gpu,
    "containers": _containers,
    "disk": _disk,
    "keys": _keys,
    "port": _port,
}
