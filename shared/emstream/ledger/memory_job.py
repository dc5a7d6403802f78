"""One job's units in memory: what is ready, done and failed, and what follows from each that ends."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from emstream.ledger.terms import Found, JobShape, JobStatus, totals
from emstream.stages import Stage


@dataclass
class JobUnits:
    """See the module's text.

    started_slabs: handed out to be read. predicted_slabs: of these, those that wait for no package any more. blocked:
    slabs that cannot be stitched as one of their units failed for good.
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
        """Return where the job stands."""
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
