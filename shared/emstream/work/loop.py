"""A worker's life, the same for every stage: claim a unit, make its file, complete it, and report failures.

    claim answers OK ──► make (publishes by link) ──► complete ──► dispatch what may run now
       │ else: nothing     │ bad data: fail for good, with its sentence
                           │ full disk, drain, cancel: hand back, no attempt counted
                           │ anything else: hand back, one of four attempts
A killed worker's lease runs out; a frozen one that comes back finds its token refused, and its file already there.
A draining worker gives its steps two seconds to end; steps that take longer lose their lease.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import BrokerUnavailable, DiskFull, EmstreamError, JobFailed, MessageUnreadable
from emstream.host import has_room, return_freed_memory
from emstream.jobs.finish_tasks import RESULT
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, PlannedJob
from emstream.jobs.timeline import Timeline, TimelineEntry
from emstream.ledger.hints import Hint, Sender, decode
from emstream.ledger.in_redis import RedisLedger, open_ledger
from emstream.ledger.redis_client import make_client
from emstream.ledger.terms import Answer, JobShape, Ledger
from emstream.logs import bound, configure
from emstream.settings import Settings, read_settings
from emstream.stages import Stage, ready_after
from emstream.volume.files import write_bytes
from emstream.work.heartbeat import Drain, worker_name
from emstream.work.queues import CelerySender

logger = logging.getLogger(__name__)

FULL_DISK_PAUSE_S = 1.0
ANSWER_WITHIN_S = 60.0
DRAIN_PATIENCE_S = 2.0
LOOK_EVERY_S = 0.5


class Abandoned(Exception):
    """The unit is not to be made any more: its lease is lost, its job cancelled, or the worker drains."""


@dataclass(frozen=True, slots=True)
class Made:
    """Facts of a unit that was made. shape: of a plan. The others are for the timeline, see `TimelineEntry`."""

    shape: JobShape | None = None
    windows: int | None = None
    worker: str | None = None
    engine_s: tuple[float, float] | None = None

    def entry(self, hint: Hint, start: float, stop: float) -> TimelineEntry:
        """Return the unit's line in the timeline."""
        return TimelineEntry(hint.stage, hint.unit, start, stop, self.windows, self.worker, self.engine_s)


@dataclass(frozen=True, slots=True)
class Unit:
    """A claimed unit. check: raises Abandoned when it is not to be made any more; call it between steps."""

    hint: Hint
    folder: JobFolder
    record: JobRecord
    check: Callable[[], None]

    @property
    def job(self) -> PlannedJob:
        """The job's record with its plan. Raises JobFailed if there is no plan, which precedes all other units."""
        planned = self.record.planned
        if planned is None:
            raise JobFailed("the job has no plan: retry it")
        return planned


Make = Callable[[Unit], Made]


class Worker:
    """One process's work on units. `drain` may be set from a signal handler."""

    def __init__(self, ledger: Ledger, sender: Sender, settings: Settings, holder: str) -> None:
        self._ledger, self._sender, self._settings, self._holder = ledger, sender, settings, holder
        self.drain = Drain()
        self._leases = Leases(ledger, settings.lease_s / 4, self.drain)

    def do(self, message: str, make: Make) -> None:
        """Do what a message hints at, if the ledger agrees. Raises nothing that can be reported or tried again."""
        try:
            hint = decode(message.encode())
        except MessageUnreadable as error:
            logger.error("message dropped", extra={"reason": str(error)})
            return
        with bound(job=hint.job, stage=str(hint.stage), unit=hint.unit):
            try:
                if self.drain.is_set():
                    self._sender.send([hint])  # it left the queue a moment too late: for another worker
                    return
                lease = self._ledger.claim(hint, time.time(), self._holder)
                if lease.answer is Answer.OK:
                    with self._leases.kept(hint, lease.token):
                        self._attempt(hint, lease.token, make)
                    self.dispatch(hint.stage)
            except (BrokerUnavailable, OSError) as error:
                logger.warning("unit left to its lease", extra={"reason": str(error)})

    def dispatch(self, ended: Stage) -> None:
        """Hand out what may run now that a unit of a stage has ended."""
        for stage in ready_after(ended):
            room = has_room(self._settings)
            self._sender.send(self._ledger.dispatch(stage, time.time(), room))

    def _attempt(self, hint: Hint, token: str, make: Make) -> None:
        folder = JobFolder(self._settings.data / "jobs" / hint.job)
        record = folder.read()
        if record is None:
            self._answer(lambda: self._ledger.fail(hint, token, "the job's folder is gone"))
            return
        try:
            start = time.time()
            made = make(Unit(hint, folder, record, lambda: self._check(hint)))
            stop = time.time()
            answer = self._answer(lambda: self._ledger.complete(hint, token, made.shape))
            if answer is Answer.OK:
                Timeline(folder.timeline_path).add(made.entry(hint, start, stop))
            logger.info("unit done", extra={"seconds": round(stop - start, 3), "answer": str(answer)})
        except Abandoned:
            self._answer(lambda: self._ledger.release(hint, token))
        except DiskFull as error:
            logger.warning("disk full", extra={"reason": str(error)})
            time.sleep(FULL_DISK_PAUSE_S)
            self._answer(lambda: self._ledger.release(hint, token))
        except EmstreamError as error:
            if isinstance(error, BrokerUnavailable):
                self._try_again(folder, record, hint, token, error)
            else:
                self._fail(folder, record, hint, token, error)
        except Exception as error:
            self._try_again(folder, record, hint, token, error)

    def _try_again(self, folder: JobFolder, record: JobRecord, hint: Hint, token: str, error: Exception) -> None:
        logger.error("unit failed", exc_info=error)
        reason = as_shown(f"{type(error).__name__}: {error}", folder, record)
        self._answer(lambda: self._ledger.release(hint, token, reason))

    def _fail(self, folder: JobFolder, record: JobRecord, hint: Hint, token: str, error: EmstreamError) -> None:
        sentence = as_shown(str(error), folder, record)
        logger.warning("unit failed for good", extra={"reason": sentence})
        answer = self._answer(lambda: self._ledger.fail(hint, token, sentence))
        is_the_jobs = hint.stage is Stage.PLAN or (hint.stage, hint.unit) == (Stage.FINISH, RESULT.unit)
        if is_the_jobs and answer is Answer.OK:  # a worker that comes back late has no say
            note_failure(folder, sentence)

    def _check(self, hint: Hint) -> None:
        if self.drain.is_set() or self._leases.is_lost(hint):
            raise Abandoned

    def _answer(self, call: Callable[[], Answer]) -> Answer:
        """Call the ledger, waiting for a broker that restarts. Raises BrokerUnavailable if it stays away."""
        deadline = time.monotonic() + ANSWER_WITHIN_S
        while True:
            try:
                return call()
            except BrokerUnavailable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def begin_work() -> tuple[Settings, RedisLedger, Worker]:
    """Do what every worker process does first: read the settings, configure logs and memory, open ledger and queues.

    Raises SettingsError.
    """
    settings = read_settings()
    os.umask(0o077)  # what is written is the owner's alone
    configure(settings.log_level, settings.log_format)
    return_freed_memory()
    ledger = open_ledger(settings, make_client(settings.redis_url))
    return settings, ledger, Worker(ledger, CelerySender(settings), settings, worker_name(settings))


class Leases:
    """Renews the leases of this process from a thread of its own, which starts with the first one (after a fork).

    Draining, it hands back the leases of units that have not ended within DRAIN_PATIENCE_S.
    """

    def __init__(self, ledger: Ledger, every_s: float, drain: Drain) -> None:
        self._ledger, self._every_s, self._drain = ledger, every_s, drain
        self._held: dict[Hint, str] = {}
        self._lost: set[Hint] = set()
        self._lock = threading.Lock()
        self._pid = 0

    @contextmanager
    def kept(self, hint: Hint, token: str) -> Iterator[None]:
        """Keep a lease for as long as the context lasts."""
        with self._lock:
            self._lost.discard(hint)
            self._held[hint] = token
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._watch, name="leases", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(hint, None)
                self._lost.discard(hint)

    def is_lost(self, hint: Hint) -> bool:
        """Return whether another worker has the unit or may claim it, or its job is cancelled."""
        return hint in self._lost

    def _watch(self) -> None:
        renew_at, hand_back_at = time.monotonic() + self._every_s, math.inf
        while True:
            time.sleep(min(LOOK_EVERY_S, self._every_s))
            now = time.monotonic()
            if self._drain.is_set():
                hand_back_at = min(hand_back_at, now + DRAIN_PATIENCE_S)
            if now >= hand_back_at:
                self._for_each(self._hand_back)
            elif now >= renew_at:
                renew_at = now + self._every_s
                self._for_each(self._renew)

    def _renew(self, hint: Hint, token: str) -> bool:
        return self._ledger.renew(hint, token, time.time()) is Answer.OK

    def _hand_back(self, hint: Hint, token: str) -> bool:
        self._ledger.release(hint, token)
        return False

    def _for_each(self, is_kept: Callable[[Hint, str], bool]) -> None:
        with self._lock:
            held = [(hint, token) for hint, token in self._held.items() if hint not in self._lost]
        for hint, token in held:
            try:
                still_ours = is_kept(hint, token)
            except BrokerUnavailable as error:
                logger.warning("lease not renewed", extra={"reason": str(error)})
                return
            if not still_ours:
                with self._lock:
                    if hint in self._held:
                        self._lost.add(hint)


def as_shown(sentence: str, folder: JobFolder, record: JobRecord) -> str:
    """Return a sentence as the user should read it: with the names of the upload, and without the server's paths."""
    names = {str(folder.path / file.stored): file.name for file in record.files}
    names |= {Path(file.stored).name: Path(file.name).name for file in record.files}
    said = [name for name in names if name in sentence]
    if said:  # all in one pass: a user's 00001.png is not taken for the file stored under that name
        sentence = re.sub("|".join(map(re.escape, said)), lambda match: names[match[0]], sentence)
    return sentence.replace(f"{folder.path}/", "").replace(str(folder.path), record.name or "the job")


def note_failure(folder: JobFolder, sentence: str) -> None:
    """Write why a job cannot be done, for when the ledger is gone."""
    write_bytes(folder.failure_path, json.dumps({"sentence": sentence}).encode())
