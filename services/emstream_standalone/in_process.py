"""One machine: the three stages in one process, without a broker, resumable.

Threads stand for the workers of the service: one reads and cleans slabs, a few read and write packages while the
batcher's lanes own the engine, one stitches. All ask the same ledger for work, so the engine starts when the first
slab is read. A published file is never made again: a run that was killed goes on where it was. A run may make only
a share of its job: what others make is entered in its ledger as done.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import OutputInUse
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, PlannedJob, Request, input_identity
from emstream.jobs.shards import Share
from emstream.jobs.timeline import Timeline, TimelineEntry
from emstream.ledger.hints import Hint
from emstream.ledger.in_memory import MemoryLedger
from emstream.ledger.terms import Answer, Found, Limits
from emstream.logs import bound
from emstream.models.recipes import Choice
from emstream.readers.limits import allow_decoding
from emstream.readers.open_stack import open_request
from emstream.readers.stack import StackReader
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_inference.batcher import Batcher
from emstream_inference.engines import Engine
from emstream_inference.packages import make_package
from emstream_inference.predictor import Predictor, load_predictor
from emstream_postprocess.slab_result import make_result
from emstream_preprocess.plan import make_plan
from emstream_preprocess.slabs import make_slab

logger = logging.getLogger(__name__)

OWNER = "local"
POLL_S = 0.05
NO_EXPIRY_S = 1e12  # one process: a lease ends with the process

Progress = Callable[[dict[Stage, tuple[int, int]]], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a run: the finished job, and the use of the engine in this run."""

    folder: JobFolder
    record: PlannedJob
    timeline: Timeline
    seconds: float

    @property
    def window_pixels(self) -> int:
        """Pixels that the networks saw, over all runs of the job: windows times their size."""
        sizes = [tiling.read_yx for tiling in self.record.plan.tilings]
        pixels = 0
        for unit in self.timeline.read():
            if unit.stage is Stage.INFERENCE:
                _, package = self.record.plan.package(unit.unit)
                pixels += (unit.windows or 0) * sizes[package.grid][0] * sizes[package.grid][1]
        return pixels


def prepare_job(
    folder: JobFolder, request: Request, choices: list[Choice], engine: Engine, settings: Settings
) -> PlannedJob:
    """Return the job in `folder`: the one that is there, if it is the same, else a new one with its plan.

    Raises OutputInUse if another job is there, and what planning raises.
    """
    source = Path(request.input)
    found = folder.read()
    fresh = JobRecord(
        id="local",
        owner=OWNER,
        request=request,
        input_identity=input_identity(source) if source.exists() else "",
        fingerprint=engine.fingerprint(),
    )
    if found is not None and found.model_copy(update={"plan": None}) != fresh:
        raise OutputInUse(
            f"{folder.path} holds a job with another input, settings or engine: "
            "give another output folder, or --restart to drop it"
        )
    for leftover in folder.leftovers():
        leftover.unlink(missing_ok=True)
    if found is not None and found.planned is not None:
        return found.planned
    allow_decoding(settings.decode_gb)
    with open_request(source, request, settings.max_voxels) as reader:
        planned = fresh.with_plan(make_plan(reader, request, choices))
    folder.write(planned)
    return planned


def check_no_result(output: Path, folder: JobFolder) -> None:
    """Raise OutputInUse if a finished result is there, which is not that of a job to go on with in `folder`."""
    if (output / "report.json").exists() and not folder.path.exists():
        raise OutputInUse(f"{output} holds a finished result: give another output folder, or --restart to replace it")


@contextmanager
def lock_folder(output: Path) -> Iterator[None]:
    """Hold the output folder: two runs at once would undo each other's work. Raises OutputInUse."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputInUse(f"the output folder {output} cannot be made ({error.strerror}): give another one") from error
    with (output / ".emstream.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputInUse(f"another emstream works in {output}: wait for it, or give another folder") from None
        yield


class Run:
    """One job's way through the stages, or that of its `share`. Call `execute` once."""

    def __init__(
        self, folder: JobFolder, record: PlannedJob, engine: Engine, settings: Settings, share: Share | None = None
    ) -> None:
        self.folder, self.record, self.plan = folder, record, record.plan
        shape = record.plan.job_shape
        self._share = share or Share(shape, range(shape.slabs * shape.packages_per_slab))
        others = self._share.as_if_others_were_done(Found())
        self._of_others = {stage: len(units) for stage, units in others.done().items()}
        self._settings = settings
        self._timeline = Timeline(folder.timeline_path)
        limits = Limits(
            window=settings.package_tasks, run_ahead=settings.run_ahead, lease_s=NO_EXPIRY_S, hint_s=NO_EXPIRY_S
        )
        self._ledger = MemoryLedger(limits)
        self._error: BaseException | None = None
        self._stopping = threading.Event()
        self._reader: StackReader | None = None  # opened once: a folder's headers are many
        self._whole_sections = threading.Lock()  # reading and stitching hold some each: not both at once
        self._lanes = engine.lanes
        self._predictors = self._load(engine)

    def execute(self, progress: Progress) -> Outcome:
        """Run to the end. Raises the first error of any stage; KeyboardInterrupt stops after the units at hand."""
        began = time.time()
        self._enter_what_is_done()
        settings = self._settings
        batcher = Batcher(self._lanes, settings.max_batch, settings.max_delay_ms / 1000, on_busy=self._note_busy)
        with batcher:
            threads = [
                threading.Thread(target=self._work, args=(s, f), name=s, daemon=True) for s, f in self._workers(batcher)
            ]
            for thread in threads:
                thread.start()
            try:
                self._watch(threads, progress)
            except KeyboardInterrupt:
                self._stopping.set()
                batcher.stop()
                raise
            if self._stopping.is_set():
                batcher.stop()
            for thread in threads:
                thread.join()
        if self._reader is not None:
            self._reader.close()
        if self._error is not None:
            raise self._error
        return Outcome(self.folder, self.record, self._timeline, time.time() - began)

    def _load(self, engine: Engine) -> list[Predictor]:
        plan, spread = self.plan, self.record.request.spread
        return [load_predictor(engine, grid, plan.variants, spread) for grid in plan.grids]

    def _enter_what_is_done(self) -> None:
        found = self.folder.found()
        self._ledger.enter(self.record.id, OWNER, self._share.as_if_others_were_done(found))
        done = {"slabs": len(found.slabs), "packages": len(found.packages), "results": len(found.results)}
        logger.info("job entered", extra=done)

    def _workers(self, batcher: Batcher) -> list[tuple[Stage, Callable[[int], int | None]]]:
        inference = (Stage.INFERENCE, lambda unit: self._infer(unit, batcher))
        return [
            (Stage.PREPROCESS, self._preprocess),
            *[inference] * self._settings.package_tasks,
            (Stage.POSTPROCESS, self._postprocess),
        ]

    def _watch(self, threads: list[threading.Thread], progress: Progress) -> None:
        while any(thread.is_alive() for thread in threads) and not self._stopping.is_set():
            progress(self._counts())
            threads[-1].join(0.1)
        progress(self._counts())

    def _work(self, stage: Stage, make: Callable[[int], int | None]) -> None:
        """A worker's life: ask, claim, make, complete, until the stage is done or the run stops."""
        try:
            while not self._stopping.is_set() and not self._is_over(stage):
                hints = self._ledger.dispatch(stage, time.time(), most=1)
                if not hints:
                    self._stopping.wait(POLL_S)
                for hint in hints:
                    self._do(hint, make)
        except CancelledError:
            pass  # the run stops; the reason is known already
        except BaseException as error:
            self._error = self._error or error
            self._stopping.set()

    def _do(self, hint: Hint, make: Callable[[int], int | None]) -> None:
        lease = self._ledger.claim(hint, time.time())
        if lease.answer is not Answer.OK:
            return
        with bound(job=hint.job, stage=str(hint.stage), unit=hint.unit):
            start = time.time()
            windows = make(hint.unit)
            self._timeline.add(TimelineEntry(hint.stage, hint.unit, start, time.time(), windows))
            logger.info("unit done", extra={"seconds": round(time.time() - start, 3)})
        self._ledger.complete(hint, lease.token)

    def _counts(self) -> dict[Stage, tuple[int, int]]:
        status = self._ledger.status(self.record.id)
        assert status is not None
        others = self._of_others
        return {stage: (done - others[stage], total - others[stage]) for stage, (done, total) in status.counts.items()}

    def _is_over(self, stage: Stage) -> bool:
        done, total = self._counts()[stage]
        return done == total

    def _preprocess(self, unit: int) -> None:
        with self._whole_sections:
            make_slab(self.folder, self.plan, unit, self._open_reader)

    def _open_reader(self) -> StackReader:
        if self._reader is None:
            request = self.record.request
            allow_decoding(self._settings.decode_gb)
            self._reader = open_request(Path(request.input), request, self._settings.max_voxels)
        return self._reader

    def _infer(self, unit: int, batcher: Batcher) -> int | None:
        return make_package(self.folder, self.plan, unit, self._predictors.__getitem__, batcher)

    def _postprocess(self, unit: int) -> None:
        if unit not in self._share.whole_slabs:
            return  # other shards make the rest of it: merging stitches it
        with self._whole_sections:
            make_result(self.folder, self.record, unit)

    def _note_busy(self, start: float, stop: float) -> None:
        offset = time.time() - time.monotonic()
        self._timeline.engine.append((start + offset, stop + offset))
