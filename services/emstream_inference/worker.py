"""The inference worker: task threads read and write packages, the batcher's lanes own the device.

`python -m emstream_inference.worker`. A process per GPU. Bytes are promised within one fingerprint: the first worker
that predicts for a job writes its own into the job's folder; workers of another one hand the job's packages back.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Grid
from emstream.settings import Settings
from emstream.volume.files import publishing
from emstream.work.heartbeat import worker_name
from emstream.work.loop import Abandoned, Made, Unit, begin_work
from emstream.work.queues import Pool, run_worker
from emstream_inference.batcher import Batcher
from emstream_inference.engines import Engine, make_engine
from emstream_inference.packages import make_package
from emstream_inference.predictor import Predictor, load_predictor

logger = logging.getLogger(__name__)

MAX_PREDICTORS = 8
FOREIGN_PAUSE_S = 1.0


@dataclass
class Busy:
    """Seconds that the engine has worked in this process."""

    seconds: float = 0.0

    def add(self, start: float, stop: float) -> None:
        """Count a batch. Called by one thread at a time."""
        self.seconds += stop - start


class Inference:
    """Makes packages. Predictors are kept, the least recently used one goes."""

    def __init__(self, engine: Engine, batcher: Batcher, settings: Settings, busy: Busy) -> None:
        self._engine, self._batcher, self._settings, self._busy = engine, batcher, settings, busy
        self._fingerprint = engine.fingerprint()
        self._predictors: OrderedDict[tuple[str, int, bool], Predictor] = OrderedDict()
        self._lock = threading.Lock()

    def make(self, unit: Unit) -> Made:
        """Make one package. Raises what predicting raises, and Abandoned where another kind of engine began the job."""
        plan, with_spread = unit.job.plan, unit.record.request.spread
        self._check_fingerprint(unit.folder)
        busy_before = self._busy.seconds

        def predictor_of(grid: int) -> Predictor:
            return self._predictor(plan.grids[grid], plan.variants, with_spread)

        seen = make_package(unit.folder, plan, unit.hint.unit, predictor_of, self._batcher, unit.check)
        if seen is None:
            return Made()
        busy = round(busy_before, 3), round(self._busy.seconds, 3)
        return Made(windows=seen, worker=worker_name(self._settings), engine_s=busy)

    def _predictor(self, grid: Grid, variants: int, with_spread: bool) -> Predictor:
        key = grid.model_dump_json(exclude={"size_yx"}), variants, with_spread
        with self._lock:
            if key not in self._predictors:
                models = self._settings.models
                self._predictors[key] = load_predictor(self._engine, grid, variants, with_spread, models)
                while len(self._predictors) > MAX_PREDICTORS:
                    self._predictors.popitem(last=False)
            self._predictors.move_to_end(key)
            return self._predictors[key]

    def _check_fingerprint(self, folder: JobFolder) -> None:
        path = folder.fingerprint_path
        if not path.exists():
            with publishing(path) as part:
                part.write_text(json.dumps(self._fingerprint))
        if json.loads(path.read_bytes()) != self._fingerprint:
            logger.warning("job of another engine handed back", extra={"own": self._fingerprint})
            time.sleep(FOREIGN_PAUSE_S)
            raise Abandoned


def main() -> None:
    """Run until SIGTERM."""
    settings, _, worker = begin_work()
    engine = make_engine(settings)
    pool = Pool("threads", settings.package_tasks)
    busy = Busy()
    with Batcher(engine.lanes, settings.max_batch, settings.max_delay_ms / 1000, on_busy=busy.add) as batcher:
        stage = Inference(engine, batcher, settings, busy)
        run_worker("inference", pool, settings, lambda message: worker.do(message, stage.make), worker.drain.set)


if __name__ == "__main__":
    main()
