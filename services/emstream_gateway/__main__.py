"""`python -m emstream_gateway`: read the settings, open the broker, and serve until a signal comes."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import sys

from emstream.api_keys import KeyFile
from emstream.errors import EmstreamError, SettingsError
from emstream.ledger.in_redis import Lead, open_ledger
from emstream.ledger.redis_client import make_client
from emstream.logs import configure
from emstream.settings import Settings, read_settings
from emstream.work.heartbeat import beating
from emstream.work.queues import CelerySender
from emstream_gateway.app import make_app
from emstream_gateway.jobs.dispatcher import Dispatcher
from emstream_gateway.server import allow_more_files, keep_freed_memory, make_server

logger = logging.getLogger(__name__)


def is_loopback(host: str) -> bool:
    """Return True if only this machine can reach the address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_access(settings: Settings, keys: KeyFile, token: str) -> None:
    """Raise SettingsError if other machines could use the service without a key, or if no user could."""
    has_keys = bool(keys.list())
    if not is_loopback(settings.host) and not has_keys:
        raise SettingsError(
            f"EMSTREAM_HOST is {settings.host!r}, which others can reach, and there is no key: "
            "make one with `emstream keys add OWNER`, or bind 127.0.0.1"
        )
    if not has_keys and not token:
        raise SettingsError(
            "no user could reach the service: there is no key and EMSTREAM_TOKEN is empty. "
            "Set EMSTREAM_TOKEN, or make a key with `emstream keys add OWNER`"
        )


def serve(settings: Settings) -> None:
    """Serve until a signal comes. Raises SettingsError."""
    keys, token = KeyFile(settings.data / "keys.json"), settings.token
    check_access(settings, keys, token)
    if not settings.redis_url:
        raise SettingsError("EMSTREAM_REDIS_URL is empty: name the broker, or use `emstream serve`, which starts one")
    client = make_client(settings.redis_url, is_patient=False)  # the broker may start later: /readyz says so
    ledger = open_ledger(settings, client)
    sender = CelerySender(settings)
    dispatcher = Dispatcher(ledger, sender, settings, Lead(client, settings.redis_prefix))
    app = make_app(settings, ledger, sender, keys, token, dispatcher)
    with beating(settings, "gateway"):
        make_server(app, settings.host, settings.port).run()


def main() -> None:
    """Serve; an error ends the process with its sentence on stderr."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises the signal again once it has shut down
    try:
        settings = read_settings()
        os.umask(0o077)  # what is written is the owner's alone
        keep_freed_memory()
        allow_more_files()
        configure(settings.log_level, settings.log_format)
        serve(settings)
    except EmstreamError as error:
        sys.stderr.write(f"emstream gateway: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
