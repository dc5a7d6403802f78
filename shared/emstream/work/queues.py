"""Celery, as far as emstream uses it: one app per kind of worker, and messages that are only hints.

A message may be lost, doubled or late: the ledger decides what is done with it. So there is no result backend, no
retry, no countdown, no priority; a message is acknowledged when its task ends, whatever came of it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from celery import Celery, signals
from celery.exceptions import SecurityWarning
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from emstream.errors import BrokerUnavailable
from emstream.ledger.hints import Hint
from emstream.ledger.redis_client import all_named, make_client, named, url_for_celery
from emstream.settings import Settings
from emstream.stages import KINDS
from emstream.work.heartbeat import beating, worker_name

logger = logging.getLogger(__name__)

TASK = "emstream.unit"
VISIBILITY_TIMEOUT_S = 7200  # ghosts come back once, and their claim is refused
SOCKET_TIMEOUT_S = 5


def make_app(settings: Settings) -> Celery:
    """Return the Celery app; settings as measured in its failure tests (each is there for a reason)."""
    app = Celery("emstream", broker=url_for_celery(settings.redis_url), set_as_current=False)
    app.conf.update(
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        task_reject_on_worker_lost=False,
        task_ignore_result=True,
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 1.0},
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 15,
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": SOCKET_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "global_keyprefix": settings.redis_prefix,
        },
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_max_tasks_per_child=200,
        task_serializer="json",
        accept_content=["json"],
        task_queues=[Queue(name, Exchange(name), routing_key=name) for name in KINDS],
        task_create_missing_queues=False,
        task_default_queue=KINDS[0],
    )
    return app


@dataclass(frozen=True, slots=True)
class Pool:
    """Concurrency of a kind of worker: processes, which may crash, or threads, which share an engine."""

    kind: Literal["prefork", "threads"]
    size: int


Do = Callable[[str], None]


def run_worker(queue: str, pool: Pool, settings: Settings, do: Do, drain: Callable[[], None]) -> None:
    """Take messages from a queue until SIGTERM, which calls `drain` and then waits for the units at hand."""
    app = make_app(settings)

    def take(message: str) -> None:
        do(message)

    app.task(take, name=TASK, ignore_result=True)
    signals.worker_shutting_down.connect(lambda **_: drain(), weak=False)
    options = {
        "--pool": pool.kind,
        "--concurrency": str(pool.size),
        "--queues": queue,
        "--hostname": f"{worker_name(settings)}@%h",
        "--loglevel": "WARNING",
    }
    warnings.filterwarnings("ignore", category=SecurityWarning)  # of pickle, for root: we take JSON only
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with beating(settings, queue):
        app.worker_main(["--quiet", "worker", *(part for pair in options.items() for part in pair), *flags])


@all_named
class CelerySender:
    """Puts hints into the queues, and counts the messages that wait there."""

    def __init__(self, settings: Settings) -> None:
        self._app = make_app(settings)
        self._redis: Any = make_client(settings.redis_url)
        self._prefix = settings.redis_prefix

    def send(self, hints: Iterable[Hint]) -> None:
        """Send hints. One that cannot be sent is lost, and found missing by the dispatcher."""
        for hint in hints:
            try:
                self._send(hint)
            except (OperationalError, BrokerUnavailable, OSError) as error:
                logger.warning("hint not sent", extra={"stage": str(hint.stage), "reason": str(error)})
                return

    def waiting(self, queue: str) -> int:
        """Return the number of messages that wait in a queue. Raises BrokerUnavailable."""
        return int(self._redis.llen(self._prefix + queue))

    @named
    def _send(self, hint: Hint) -> None:
        self._app.send_task(TASK, args=[hint.encode().decode()], queue=hint.stage.queue)
