"""One machine, one command: the broker, the gateway and the workers as children of this process, watched.

1. Take the data folder: two services in one would undo each other's work.
2. Start the broker, or reach the one of EMSTREAM_REDIS_URL.
3. Start gateway and workers; each knows the others by the broker and the data folder only.
4. Once /readyz says so, write server.json (url, token, pid) for clients of this user, and tell the caller.
5. Watch. When a worker dies its leases end at once, so that its units do not wait for their time to run out.
6. Stop: gateway, then workers, which finish or hand back, then the broker. A second signal kills.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx

from emstream.api_keys import KeyFile
from emstream.client.address import LOOPBACK, SERVER_FILE, Address
from emstream.errors import BrokerUnavailable, OutputInUse, ServiceUnavailable, SettingsError
from emstream.host import kept_secret, write_private
from emstream.ledger.in_redis import open_ledger
from emstream.ledger.redis_client import connect, make_client
from emstream.settings import Settings
from emstream.stages import KINDS
from emstream.work.heartbeat import SUFFIX, beat_folder
from emstream_standalone.broker import Broker
from emstream_standalone.supervisor import ChildSpec, Supervisor

logger = logging.getLogger(__name__)

TOKEN_FILE = "token"
"""In the data folder: the token of `emstream serve`. It stays the same; delete the file for another one."""
BROKER, GATEWAY = "broker", "gateway"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
READY_TIMEOUT_S = 180.0
ASK_TIMEOUT_S = 3.0
WATCH_S = 0.1
GATEWAY_GRACE_S = 15.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(settings: Settings, on_ready: Callable[[Address], None]) -> None:
    """Run the service in settings.data until a signal comes; call it from the main thread.

    on_ready: called with url and token once the service can work. Raises OutputInUse if another serves this folder,
    SettingsError for an address that cannot be bound, BrokerUnavailable, ServiceUnavailable if a part is abandoned.
    """
    settings = settings.model_copy(update={"data": settings.data.expanduser().absolute()})
    os.umask(0o077)  # also of the children: the data folder is the owner's alone
    with _locked(settings.data), _signals() as stopping:
        (settings.data / SERVER_FILE).unlink(missing_ok=True)  # of a service that was killed
        port = choose_port(settings.host, settings.port)
        check_keys(settings)
        address = Address(url_of(settings.host, port), settings.token or kept_secret(settings.data / TOKEN_FILE))
        broker = None if settings.redis_url else Broker(settings.data / "broker")
        redis_url = settings.redis_url or (broker.url if broker else "")
        supervisor = Supervisor(lambda name: end_leases(name, redis_url, settings))
        try:
            _start(supervisor, settings, broker, Plan(redis_url, port, address.key), stopping)
            if wait_until_ready(address.url, supervisor, stopping):
                _publish(settings.data, address)
                on_ready(address)
            while not stopping.count:
                supervisor.watch()
                time.sleep(WATCH_S)
        finally:
            (settings.data / SERVER_FILE).unlink(missing_ok=True)
            supervisor.stop(is_impatient=lambda: stopping.count > 1)
            if broker is not None:
                broker.stop()


@dataclass(frozen=True, slots=True)
class Plan:
    """Addresses and secrets that the children get."""

    redis_url: str
    port: int
    token: str


@dataclass
class Stopping:
    """Number of times that the user asked to stop."""

    count: int = 0


def child_specs(settings: Settings, plan: Plan) -> list[ChildSpec]:
    """Return the gateway and the workers, in the order of their start. Only the gateway knows the token."""
    common = {name: value for name, value in os.environ.items() if name not in ("EMSTREAM_TOKEN", "EMSTREAM_KEY")} | {
        "EMSTREAM_REDIS_URL": plan.redis_url,
        "EMSTREAM_DATA": str(settings.data),
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
    gateway = {"EMSTREAM_HOST": settings.host, "EMSTREAM_PORT": str(plan.port), "EMSTREAM_TOKEN": plan.token}
    logs = settings.data / "logs"
    specs = [
        ChildSpec(
            GATEWAY,
            (sys.executable, "-m", "emstream_gateway"),
            common | gateway | {"EMSTREAM_WORKER_NAME": GATEWAY},
            logs / f"{GATEWAY}.log",
            sign_of_life=beat_folder(settings) / f"{GATEWAY}.{GATEWAY}{SUFFIX}",
            grace_s=GATEWAY_GRACE_S,
        )
    ]
    for kind in KINDS:
        name = f"{kind}-1"
        specs.append(
            ChildSpec(
                name,
                (sys.executable, "-m", f"emstream_{kind}.worker"),
                common | {"EMSTREAM_WORKER_NAME": name},
                logs / f"{name}.log",
                sign_of_life=beat_folder(settings) / f"{kind}.{name}{SUFFIX}",
                stop_turn=1,
            )
        )
    return specs


def end_leases(name: str, redis_url: str, settings: Settings) -> bool:
    """End the leases of a dead child; return False while the broker does not answer."""
    if name in (BROKER, GATEWAY):
        return True
    client = make_client(redis_url)
    try:
        hints = open_ledger(settings, client).expire(name)
    except BrokerUnavailable as error:
        logger.info("leases not ended yet", extra={"worker": name, "reason": str(error)})
        return False
    finally:
        client.close()
    logger.info("leases ended", extra={"worker": name, "units": len(hints)})
    return True


def wait_until_ready(url: str, supervisor: Supervisor, stopping: Stopping) -> bool:
    """Wait until the service can work; False if the user asked to stop. Raises ServiceUnavailable naming what fails.

    A full disk is no reason to wait: stitched jobs release some of it, and uploads are refused with a sentence.
    """
    deadline, failing = time.monotonic() + READY_TIMEOUT_S, {"gateway": "does not answer"}
    with httpx.Client(trust_env=False, timeout=ASK_TIMEOUT_S) as client:
        while not stopping.count:
            supervisor.watch()
            try:
                answer = client.get(f"{url}/readyz")
                failing = {} if answer.is_success else _failing(answer)
                if set(failing) <= {"disk"}:
                    for part, sentence in failing.items():
                        logger.warning("not all is well", extra={"part": part, "sentence": sentence})
                    return True
            except httpx.TransportError as error:
                logger.debug("gateway not there yet", extra={"reason": str(error)})
            if time.monotonic() > deadline:
                reasons = "; ".join(f"{part}: {sentence}" for part, sentence in failing.items())
                raise ServiceUnavailable(f"the service is not ready after {READY_TIMEOUT_S:g} s: {reasons}")
            time.sleep(WATCH_S)
    return False


def choose_port(host: str, port: int) -> int:
    """Return the port, or a free one instead of 0. Raises SettingsError if it cannot be bound."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} cannot be bound ({error.strerror or error}): use another port (EMSTREAM_PORT, --port; "
            "0 = any free one), or another EMSTREAM_HOST"
        ) from error


def check_keys(settings: Settings) -> None:
    """Raise SettingsError if others could reach the service and there is no key."""
    is_reachable = settings.host not in LOOPBACK and not settings.host.startswith("127.")
    if is_reachable and not KeyFile(settings.data / "keys.json").list():
        raise SettingsError(
            f"EMSTREAM_HOST is {settings.host!r}, which others can reach, and there is no key: "
            "make one with `emstream keys add OWNER`, or bind 127.0.0.1"
        )


def url_of(host: str, port: int) -> str:
    """Return the URL under which this machine reaches the gateway.

    >>> url_of("0.0.0.0", 8080), url_of("::1", 80)
    ('http://127.0.0.1:8080', 'http://[::1]:80')
    """
    host = ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _start(supervisor: Supervisor, settings: Settings, broker: Broker | None, plan: Plan, stopping: Stopping) -> None:
    if broker is None:
        connect(plan.redis_url).close()
    else:
        supervisor.start(
            ChildSpec(
                BROKER,
                broker.command,
                dict(os.environ),
                settings.data / "logs" / f"{BROKER}.log",
                sign_of_life=broker.socket,
                ask_to_stop=broker.shut_down,
                stop_turn=2,
            )
        )
        broker.wait(lambda: supervisor.is_running(BROKER))
    for spec in child_specs(settings, plan):
        if not stopping.count:
            supervisor.start(spec)


def _publish(data: Path, address: Address) -> None:
    content = {"url": address.url, "token": address.key, "pid": os.getpid()}
    write_private(data / SERVER_FILE, json.dumps(content).encode())


def _failing(answer: httpx.Response) -> dict[str, str]:
    try:
        return {str(part): str(sentence) for part, sentence in answer.json()["failing"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"gateway": f"/readyz answers {answer.status_code}"}


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (data / ".serve.lock").open("w")
    except OSError as error:
        raise OutputInUse(f"the data folder {data} cannot be used ({error.strerror}): give another --data") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputInUse(
                f"another emstream serves {data}: use that one (`emstream status`), stop it, or give another --data"
            ) from None
        yield


@contextmanager
def _signals() -> Iterator[Stopping]:
    """Count the signals to stop instead of being interrupted by them."""
    stopping = Stopping()

    def count(number: int, frame: FrameType | None) -> None:
        stopping.count += 1

    before = {number: signal.signal(number, count) for number in SIGNALS}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
