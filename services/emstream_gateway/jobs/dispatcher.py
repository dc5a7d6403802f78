"""The dispatcher: a thread of the gateway that keeps work flowing after any loss; of several gateways one leads.

Twice a second it takes back expired leases and lost hints, and dispatches the units that may run. At its start, every
ten seconds, and at once where Redis holds nothing of ours (it is new, or its data are gone) it enters the jobs that the
disk shows as started and not over and that the ledger does not know. Once an hour it deletes the files that `retention`
names.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time

from emstream.errors import BrokerUnavailable, EmstreamError
from emstream.host import has_room
from emstream.jobs.folder import JobFolder
from emstream.jobs.retention import Retention, Step, drop, ended_at, set_aside
from emstream.ledger.hints import Hint
from emstream.ledger.in_redis import Lead, RedisLedger
from emstream.settings import Settings
from emstream.stages import KINDS, Stage
from emstream.work.queues import CelerySender

logger = logging.getLogger(__name__)

EVERY_S = 0.5
"""Seconds between rounds."""
COMPARE_EVERY_S = 10.0
"""Seconds between comparisons of disk and ledger."""
RETAIN_EVERY_S = 3600.0
"""Seconds between deletions of old files."""


class Dispatcher:
    """Call `start` once and `stop` at the end; `wake` after entering a job."""

    def __init__(self, ledger: RedisLedger, sender: CelerySender, settings: Settings, lead: Lead) -> None:
        self._ledger, self._sender, self._settings = ledger, sender, settings
        self._lead = lead
        self._is_stopping = False
        self._compare_at = self._retain_at = 0.0
        self._retention = Retention.of(settings)
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._is_stopping = True
        self._wake.set()
        self._thread.join()

    def wake(self) -> None:
        """Run a round now: a job was entered."""
        self._wake.set()

    def round(self) -> None:
        """Compare with the disk if it is time, sweep, dispatch. Raises BrokerUnavailable."""
        if self._ledger.is_empty() or time.monotonic() > self._compare_at:
            self._compare()
        now = time.time()
        waiting = {queue: self._sender.waiting(queue) for queue in KINDS}
        taken = self._ledger.sweep(now, [stage for stage in Stage if not waiting[stage.queue]])
        if taken:
            logger.warning("units taken back", extra={"units": [f"{h.stage} {h.unit}" for h in taken]})
        room = has_room(self._settings)
        hints: list[Hint] = []
        for stage in Stage:
            hints += self._ledger.dispatch(stage, now, room)
        self._sender.send(hints)

    def retain(self, now: float) -> None:
        """Delete expired files of jobs that have ended; open files stay readable until they are closed."""
        if self._retention == Retention():
            return
        for path in sorted((self._settings.data / "jobs").glob("[!.]*")):
            folder = JobFolder(path)
            for step in self._retention.due(ended_at(folder), now):
                if self._drop(folder, step):
                    logger.warning("files deleted", extra={"job": folder.path.name, "what": step})

    def _drop(self, folder: JobFolder, step: Step) -> bool:
        if step is not Step.RESULTS:
            return drop(folder, step)
        self._ledger.forget(folder.path.name)
        shutil.rmtree(set_aside(folder), ignore_errors=True)
        return True

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                if self._lead.is_ours():
                    self.round()
                    if time.monotonic() > self._retain_at:
                        self._retain_at = time.monotonic() + RETAIN_EVERY_S
                        self.retain(time.time())
            except (BrokerUnavailable, OSError) as error:
                self._compare_at = 0.0  # a job may have been started meanwhile: its entering failed, too
                logger.warning("round missed", extra={"reason": str(error)})
            except Exception:
                logger.exception("round failed")
            self._wake.wait(EVERY_S)
            self._wake.clear()

    def _compare(self) -> None:
        """Enter the jobs that the disk shows and the ledger does not know; mark Redis as holding the ledger."""
        entered = 0
        for path in sorted((self._settings.data / "jobs").glob("[!.]*/job.json")):
            entered += self._enter(JobFolder(path.parent))
        self._ledger.begin()
        self._compare_at = time.monotonic() + COMPARE_EVERY_S
        if entered:
            logger.warning("jobs entered from the disk", extra={"jobs": entered})

    def _enter(self, folder: JobFolder) -> bool:
        marks = (folder.cancelled_path, folder.failure_path, folder.report_path)
        if any(mark.exists() for mark in marks) or self._ledger.status(folder.path.name) is not None:
            return False
        try:
            record = folder.read()
        except EmstreamError as error:
            logger.error("job skipped", extra={"job": folder.path.name, "reason": str(error)})
            return False
        return record is not None and self._ledger.enter(record.id, record.owner, folder.found())
