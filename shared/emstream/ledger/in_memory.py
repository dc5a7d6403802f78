"""The ledger in memory, for one process; thread-safe. Its terms are in `terms`; the one in Redis answers the same."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from emstream.ledger.hints import Hint, last_first
from emstream.ledger.terms import (
    GIVEN_UP,
    MAX_ATTEMPTS,
    Answer,
    AtWork,
    Backlog,
    Found,
    JobShape,
    JobStatus,
    Lease,
    Limits,
    totals,
)
from emstream.stages import Stage


class MemoryLedger:
    """See the module's text."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._jobs: dict[str, JobUnits] = {}
        self._leases: dict[Hint, Lease] = {}
        self._holders: dict[Hint, str] = {}
        self._hinted: dict[Hint, float] = {}
        self._turns: dict[Stage, deque[str]] = {stage: deque() for stage in Stage}
        self._tokens = 0
        self._lock = threading.RLock()

    def enter(self, job: str, owner: str, found: Found | None = None) -> bool:
        """See Ledger."""
        with self._lock:
            if job in self._jobs:
                return False
            self._jobs[job] = JobUnits.of(owner, found or Found())
            for turns in self._turns.values():
                if owner not in turns:
                    turns.append(owner)
            return True

    def dispatch(self, stage: Stage, now: float, has_room: bool = True, most: int | None = None) -> list[Hint]:
        """See Ledger."""
        with self._lock:
            hints: list[Hint] = []
            free = self._limits.window - sum(h.stage is stage for h in (*self._leases, *self._hinted))
            while len(hints) < (free if most is None else min(free, most)):
                hint = self._next(stage, has_room)
                if hint is None:
                    break
                self._hinted[hint] = now
                hints.append(hint)
            return hints

    def claim(self, hint: Hint, now: float, holder: str = "") -> Lease:
        """See Ledger."""
        with self._lock:
            job, was_hinted = self._jobs.get(hint.job), self._hinted.pop(hint, None) is not None
            if job is None or job.is_cancelled:
                return Lease(Answer.CANCELLED)
            unit = (hint.stage, hint.unit)
            if hint.unit in job.done[hint.stage] or unit in job.failed or hint in self._leases:
                job.started_slabs -= was_hinted and hint.stage is Stage.PREPROCESS
                return Lease(Answer.LEASED if hint in self._leases else Answer.DONE)
            if not was_hinted:
                return Lease(Answer.STALE)
            job.attempts[unit] = job.attempts.get(unit, 0) + 1
            self._tokens += 1
            self._holders[hint] = holder
            deadline = now + self._limits.lease_s
            self._leases[hint] = Lease(Answer.OK, f"memory-{self._tokens}", job.attempts[unit], deadline, now)
            return self._leases[hint]

    def renew(self, hint: Hint, token: str, now: float) -> Answer:
        """See Ledger."""
        with self._lock:
            if not self._is_held(hint, token) or hint.job not in self._jobs:
                return Answer.STALE
            if self._jobs[hint.job].is_cancelled:
                return Answer.CANCELLED
            self._leases[hint] = replace(self._leases[hint], deadline=now + self._limits.lease_s)
            return Answer.OK

    def complete(self, hint: Hint, token: str, shape: JobShape | None = None) -> Answer:
        """See Ledger."""
        with self._lock:
            job = self._end(hint, token)
            if isinstance(job, Answer):
                return job
            job.finish(hint.stage, hint.unit, shape)
            return Answer.OK

    def fail(self, hint: Hint, token: str, reason: str) -> Answer:
        """See Ledger."""
        with self._lock:
            job = self._end(hint, token)
            if isinstance(job, JobUnits):
                job.give_up(hint.stage, hint.unit, reason)
            return job if isinstance(job, Answer) else Answer.OK

    def release(self, hint: Hint, token: str, reason: str = "") -> Answer:
        """See Ledger."""
        with self._lock:
            job = self._end(hint, token)
            if isinstance(job, Answer):
                return job
            job.attempts[hint.stage, hint.unit] -= not reason
            self._take_back(hint, reason)
            return Answer.OK

    def sweep(self, now: float, quiet: Collection[Stage] = tuple(Stage)) -> list[Hint]:
        """See Ledger."""
        with self._lock:
            expired = [h for h, lease in self._leases.items() if lease.deadline < now]
            lost = [h for h, sent in self._hinted.items() if h.stage in quiet and sent + self._limits.hint_s < now]
            return self._drop(last_first(expired) + last_first(lost))

    def expire(self, holder: str) -> list[Hint]:
        """See Ledger."""
        with self._lock:
            return self._drop(last_first([h for h in self._leases if self._holders.get(h) == holder]))

    def cancel(self, job: str) -> None:
        """See Ledger."""
        if job in self._jobs:
            self._jobs[job].is_cancelled = True

    def forget(self, job: str) -> None:
        """See Ledger."""
        with self._lock:
            self._jobs.pop(job, None)
            for hint in [h for h in (*self._leases, *self._hinted) if h.job == job]:
                self._leases.pop(hint, None)
                self._hinted.pop(hint, None)

    def add(self, job: str, unit: int) -> None:
        """See Ledger."""
        with self._lock:
            entry, hint = self._jobs.get(job), Hint(Stage.FINISH, job, unit)
            is_known = hint in self._leases or hint in self._hinted
            if entry and not is_known and unit not in entry.ready[Stage.FINISH]:
                entry.again(Stage.FINISH, unit)

    def status(self, job: str) -> JobStatus | None:
        """See Ledger."""
        with self._lock:
            return self._jobs[job].status() if job in self._jobs else None

    def at_work(self) -> list[AtWork]:
        """See Ledger."""
        with self._lock:
            return sorted(AtWork(h.stage, h.job, h.unit, lease.began) for h, lease in self._leases.items())

    def backlog(self) -> dict[Stage, Backlog]:
        """See Ledger."""
        with self._lock:
            waiting = {s: sum(len(j.ready[s]) for j in self._jobs.values() if not j.is_cancelled) for s in Stage}
            hinted = {stage: sum(h.stage is stage for h in self._hinted) for stage in Stage}
            ends = {stage: [x.deadline for h, x in self._leases.items() if h.stage is stage] for stage in Stage}
            return {s: Backlog(waiting[s], hinted[s], len(ends[s]), min(ends[s], default=0.0)) for s in Stage}

    def _is_held(self, hint: Hint, token: str) -> bool:
        return hint in self._leases and self._leases[hint].token == token

    def _end(self, hint: Hint, token: str) -> JobUnits | Answer:
        """Drop the lease; return its job, or the answer if nothing is to change."""
        if not self._is_held(hint, token):
            return Answer.STALE
        del self._leases[hint]
        job = self._jobs[hint.job]
        return Answer.CANCELLED if job.is_cancelled else job

    def _next(self, stage: Stage, has_room: bool) -> Hint | None:
        turns = self._turns[stage]
        for _ in range(len(turns)):
            owner = turns[0]
            turns.rotate(-1)
            if stage is Stage.PREPROCESS and not (has_room and self._may_read(owner)):
                continue
            for name, job in self._jobs.items():
                if job.owner == owner and job.ready[stage] and not job.is_cancelled:
                    job.started_slabs += stage is Stage.PREPROCESS
                    return Hint(stage, name, job.ready[stage].popleft())
        return None

    def _may_read(self, owner: str) -> bool:
        ahead, bound = [job.ahead() for job in self._jobs.values() if job.owner == owner], self._limits.run_ahead
        return sum(unpredicted for unpredicted, _ in ahead) < bound and sum(u for _, u in ahead) < 2 * bound

    def _drop(self, hints: list[Hint]) -> list[Hint]:
        for hint in hints:  # the last of them first: then the first one is the first in line
            self._leases.pop(hint, None)
            self._hinted.pop(hint, None)
            if hint.job in self._jobs and not self._jobs[hint.job].is_cancelled:
                self._take_back(hint)
        return hints

    def _take_back(self, hint: Hint, reason: str = "") -> None:
        job = self._jobs[hint.job]
        if job.attempts.get((hint.stage, hint.unit), 0) >= MAX_ATTEMPTS:
            job.give_up(hint.stage, hint.unit, reason or GIVEN_UP)
        else:
            job.started_slabs -= hint.stage is Stage.PREPROCESS
            job.ready[hint.stage].appendleft(hint.unit)


@dataclass
class JobUnits:
    """One job's units: what is ready, done and failed, and what follows from each that ends.

    started_slabs: slabs handed out to be read. predicted_slabs: the ones among them whose packages are all done or
    failed. blocked: slabs that cannot be stitched, as one of their units failed for good.
    """

    owner: str
    shape: JobShape | None
    ready: dict[Stage, deque[int]]
    done: dict[Stage, set[int]]
    started_slabs: int
    predicted_slabs: int
    failed: dict[tuple[Stage, int], str] = field(default_factory=dict)
    attempts: dict[tuple[Stage, int], int] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    is_cancelled: bool = False

    @classmethod
    def of(cls, owner: str, found: Found) -> JobUnits:
        """Return a job as the disk shows it."""
        ready, done = {stage: deque(units) for stage, units in found.ready().items()}, found.done()
        return cls(owner, found.shape, ready, done, len(done[Stage.PREPROCESS]), found.predicted())

    def ahead(self) -> tuple[int, int]:
        """Return how many slabs are read and not yet predicted, and read and not yet stitched; 0 once cancelled."""
        if self.is_cancelled:
            return 0, 0
        ended = len(self.done[Stage.POSTPROCESS]) + len(self.blocked)
        return self.started_slabs - self.predicted_slabs, self.started_slabs - ended

    def finish(self, stage: Stage, unit: int, shape: JobShape | None) -> None:
        """Mark a unit done and make ready what waited for it."""
        self.done[stage].add(unit)
        match stage:
            case Stage.PLAN:
                assert shape is not None, "the plan brings the shape"
                self.shape = shape
                self.ready[Stage.PREPROCESS].extend(range(self.shape.slabs))
            case Stage.PREPROCESS:
                assert self.shape is not None
                self.ready[Stage.INFERENCE].extend(self.shape.packages_of(unit))
            case Stage.INFERENCE:
                self._settle_package(unit)
            case Stage.POSTPROCESS:
                self._settle_slab()

    def give_up(self, stage: Stage, unit: int, reason: str) -> None:
        """Mark a unit failed; its slab is blocked."""
        self.failed[stage, unit] = reason
        if stage is Stage.INFERENCE:
            self._settle_package(unit)
        elif stage in (Stage.PREPROCESS, Stage.POSTPROCESS):
            self.predicted_slabs += stage is Stage.PREPROCESS
            self.blocked.add(unit)
            self._settle_slab()

    def again(self, stage: Stage, unit: int) -> None:
        """Make a unit ready, whatever came of it before."""
        self.done[stage].discard(unit)
        self.failed.pop((stage, unit), None)
        self.attempts.pop((stage, unit), None)
        self.ready[stage].append(unit)

    def status(self) -> JobStatus:
        """Return the state of the job."""
        done = {stage: len(self.done[stage]) for stage in Stage} | {Stage.FINISH: int(0 in self.done[Stage.FINISH])}
        counts = {stage: (done[stage], total) for stage, total in totals(self.shape).items()}
        has_begun = bool(self.attempts) or any(done.values())
        return JobStatus(self.owner, self.is_cancelled, has_begun, counts, dict(self.failed))

    def _settle_package(self, unit: int) -> None:
        """Once a slab's packages are all done or failed: stitch it, or block it."""
        assert self.shape is not None
        slab = unit // self.shape.packages_per_slab
        packages = self.shape.packages_of(slab)
        failed = sum((Stage.INFERENCE, p) in self.failed for p in packages)
        if failed + sum(p in self.done[Stage.INFERENCE] for p in packages) < len(packages):
            return
        self.predicted_slabs += 1
        if failed:
            self.blocked.add(slab)
            self._settle_slab()
        else:
            self.ready[Stage.POSTPROCESS].append(slab)

    def _settle_slab(self) -> None:
        assert self.shape is not None
        if len(self.done[Stage.POSTPROCESS]) + len(self.blocked) == self.shape.slabs:
            self.ready[Stage.FINISH].append(0)
