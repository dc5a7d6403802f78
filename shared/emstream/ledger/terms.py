"""The ledger's terms: arguments and answers of its calls, the same in memory and in Redis.

Units flow plan -> preprocess (slabs) -> inference (packages of a slab) -> postprocess (slabs) -> finish. A worker
claims a unit under a lease, publishes its file, and completes it with the token of its claim; any other answer means:
do nothing. A slab with a unit that failed for good is blocked; `finish` is ready once every slab is stitched or
blocked. Times are seconds since the epoch, passed in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from emstream.ledger.hints import Hint
from emstream.stages import Stage

MAX_ATTEMPTS = 4
GIVEN_UP = f"failed after {MAX_ATTEMPTS} attempts: its workers died or hung"


class Answer(StrEnum):
    """The ledger's answer to a call."""

    OK = "ok"
    DONE = "done"
    LEASED = "leased"
    CANCELLED = "cancelled"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Limits:
    """window: units of a stage out at once. run_ahead: an owner's slabs that are read and not yet predicted.

    Twice as many may be read and not yet stitched. So reading a slab goes on when a slab is predicted, at the moment
    when stitching it begins: the three stages work at the same time, on samples that follow each other.
    """

    window: int = 8
    run_ahead: int = 4
    lease_s: float = 8.0
    hint_s: float = 5.0


@dataclass(frozen=True, slots=True)
class JobShape:
    """Numbers of a job's slabs, and of the packages in each slab."""

    slabs: int
    packages_per_slab: int

    def packages_of(self, slab: int) -> range:
        """Return the numbers of a slab's packages."""
        return range(slab * self.packages_per_slab, (slab + 1) * self.packages_per_slab)


@dataclass(frozen=True, slots=True)
class Found:
    """The state of a job on disk: its shape if it is planned, and the units done; results imply their packages."""

    shape: JobShape | None = None
    slabs: frozenset[int] = frozenset()
    packages: frozenset[int] = frozenset()
    results: frozenset[int] = frozenset()
    is_finished: bool = False

    def done(self) -> dict[Stage, set[int]]:
        """Return the units done per stage."""
        if self.shape is None:
            return {stage: set() for stage in Stage}
        implied = self.packages.union(*(self.shape.packages_of(slab) for slab in self.results))
        return {
            Stage.PLAN: {0},
            Stage.PREPROCESS: set(self.slabs | self.results),
            Stage.INFERENCE: set(implied),
            Stage.POSTPROCESS: set(self.results),
            Stage.FINISH: {0} if self.is_finished else set(),
        }

    def predicted(self) -> int:
        """Return the number of slabs whose packages are all done."""
        if self.shape is None:
            return 0
        packages = self.done()[Stage.INFERENCE]
        return sum(packages.issuperset(self.shape.packages_of(slab)) for slab in range(self.shape.slabs))

    def ready(self) -> dict[Stage, list[int]]:
        """Return the units that may run, in order."""
        ready: dict[Stage, list[int]] = {stage: [] for stage in Stage}
        if self.shape is None:
            return ready | {Stage.PLAN: [0]}
        done = self.done()
        for slab in range(self.shape.slabs):
            packages = [p for p in self.shape.packages_of(slab) if p not in done[Stage.INFERENCE]]
            if slab not in done[Stage.PREPROCESS]:
                ready[Stage.PREPROCESS].append(slab)
            elif packages:
                ready[Stage.INFERENCE] += packages
            elif slab not in self.results:
                ready[Stage.POSTPROCESS].append(slab)
        if len(self.results) == self.shape.slabs and not self.is_finished:
            ready[Stage.FINISH].append(0)
        return ready


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a unit from `began` to `deadline`. token: empty where the answer is not OK."""

    answer: Answer
    token: str = ""
    attempt: int = 0
    deadline: float = 0.0
    began: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class AtWork:
    """A unit that a worker holds a lease on, and since when. A dead worker's is here until its lease runs out."""

    stage: Stage
    job: str
    unit: int
    began: float


@dataclass(frozen=True, slots=True)
class JobStatus:
    """State of a job. counts: (done, total) per stage, totals 0 before the plan. failed: each unit's reason."""

    owner: str
    is_cancelled: bool
    has_begun: bool
    counts: dict[Stage, tuple[int, int]]
    failed: dict[tuple[Stage, int], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Backlog:
    """A stage's units over all jobs. oldest_deadline: of the leases, or 0."""

    ready: int
    hinted: int
    leased: int
    oldest_deadline: float = 0.0


class Ledger(Protocol):
    """The calls. Each is one step that no other call sees half done."""

    def enter(self, job: str, owner: str, found: Found | None = None) -> bool:
        """Enter a job as the disk shows it; False if it is known: then it stays as it is."""

    def dispatch(self, stage: Stage, now: float, has_room: bool = True, most: int | None = None) -> list[Hint]:
        """Return hints to send: turn by turn over owners, oldest job first, within window, run-ahead, and disk room."""

    def claim(self, hint: Hint, now: float, holder: str = "") -> Lease:
        """Ask for a unit. OK: work, publish, complete. Anything else: do nothing."""

    def renew(self, hint: Hint, token: str, now: float) -> Answer:
        """Prolong a lease. STALE: another worker has the unit by now. CANCELLED: stop working."""

    def complete(self, hint: Hint, token: str, shape: JobShape | None = None) -> Answer:
        """Mark a unit done and release what waited for it. A plan brings the job's shape. STALE: nothing changed."""

    def fail(self, hint: Hint, token: str, reason: str) -> Answer:
        """Fail a unit for good: bad data, which no retry mends."""

    def release(self, hint: Hint, token: str, reason: str = "") -> Answer:
        """Hand a unit back, to be done soon. With a reason it counts as an attempt, and the last one fails it."""

    def sweep(self, now: float, quiet: Collection[Stage] = tuple(Stage)) -> list[Hint]:
        """Take back expired leases, and hints of `quiet` stages (whose queues are empty) that were lost."""

    def expire(self, holder: str) -> list[Hint]:
        """Take back the leases of a worker that is known to be dead."""

    def cancel(self, job: str) -> None:
        """Stop a job: nothing of it is handed out or accepted any more."""

    def forget(self, job: str) -> None:
        """Drop everything about a job."""

    def add(self, job: str, unit: int) -> None:
        """Make a further `finish` unit ready (an export), again if it was done before."""

    def status(self, job: str) -> JobStatus | None:
        """Return the state of a job, or None if it is not known."""

    def at_work(self) -> list[AtWork]:
        """Return the units that are worked on, of all jobs, in order of stage, job, and unit."""

    def backlog(self) -> dict[Stage, Backlog]:
        """Return the numbers of units that wait and run, per stage."""


def totals(shape: JobShape | None) -> dict[Stage, int]:
    """Return the units per stage; 0 where they are not known yet."""
    slabs, per_slab = (shape.slabs, shape.packages_per_slab) if shape else (0, 0)
    return {
        Stage.PLAN: 1,
        Stage.PREPROCESS: slabs,
        Stage.INFERENCE: slabs * per_slab,
        Stage.POSTPROCESS: slabs,
        Stage.FINISH: 1,
    }
