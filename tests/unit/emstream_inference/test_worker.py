"""The inference worker: one kind of engine per job, predictors kept, packages with their facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Plan, Request
from emstream.ledger.hints import Hint
from emstream.settings import Settings
from emstream.stages import Stage
from emstream.volume.files import opened
from emstream.work.loop import Abandoned, Unit
from emstream_inference import worker
from emstream_inference.batcher import Batcher
from emstream_inference.engines import Engine, OpenVinoEngine
from emstream_inference.worker import MAX_PREDICTORS, Busy, Inference
from tests.plans import make_plan
from tests.unit.emstream_inference.checkpoints import write_middle
from tests.unit.emstream_inference.test_packages import slab_of


class Fingerprint:
    """An engine as far as a worker asks it who it is."""

    def __init__(self, version: str) -> None:
        self.version = version

    def fingerprint(self) -> dict[str, str]:
        return {"engine": "test", "version": self.version}


def inference(version: str = "1", settings: Settings | None = None) -> Inference:
    return Inference(cast("Engine", Fingerprint(version)), cast("Batcher", None), settings or Settings(), Busy())


def unit_of(folder: JobFolder, plan: Plan, package: int = 0) -> Unit:
    record = JobRecord(id="j", owner="o", request=Request(input="x")).with_plan(plan)
    return Unit(Hint(Stage.INFERENCE, "j", package), folder, record, lambda: None)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Loads of predictors, each a value of its own; packages only ask for their predictor."""
    loads: list[tuple[Any, ...]] = []

    def load(*arguments: Any) -> object:
        loads.append(arguments)
        return object()

    def make(folder: JobFolder, plan: Plan, index: int, predictor_of: Any, *_: Any) -> int:
        predictor_of(0)
        return 3

    monkeypatch.setattr(worker, "load_predictor", load)
    monkeypatch.setattr(worker, "make_package", make)
    monkeypatch.setattr(worker, "FOREIGN_PAUSE_S", 0.0)
    return loads


def test_the_first_worker_signs_the_job_and_one_of_another_engine_hands_it_back(
    tmp_path: Path, counted: list[tuple[Any, ...]]
) -> None:
    folder, plan = JobFolder(tmp_path), make_plan((2, 64, 64), sections=2)
    inference("1").make(unit_of(folder, plan))
    assert json.loads(folder.fingerprint_path.read_bytes()) == {"engine": "test", "version": "1"}
    inference("1").make(unit_of(folder, plan))
    with pytest.raises(Abandoned):
        inference("2").make(unit_of(folder, plan))
    assert len(counted) == 2


def test_a_predictor_is_loaded_once_for_jobs_that_differ_in_size_only(
    tmp_path: Path, counted: list[tuple[Any, ...]]
) -> None:
    stage = inference()
    plans = [make_plan((2, side, side), sections=2) for side in (64, 96)]
    plans.append(plans[0].model_copy(update={"variants": 4}))
    for number, plan in enumerate([*plans, *plans]):
        stage.make(unit_of(JobFolder(tmp_path / str(number)), plan))
    assert [variants for _, _, variants, _, _ in counted] == [1, 4]


def test_the_predictor_that_was_used_longest_ago_goes_first(tmp_path: Path, counted: list[tuple[Any, ...]]) -> None:
    stage, folder = inference(), JobFolder(tmp_path)
    plan = make_plan((2, 64, 64), sections=2)
    plans = [
        plan.model_copy(update={"grids": (plan.grids[0].model_copy(update={"halo": 32 * n}),)})
        for n in range(1, MAX_PREDICTORS + 2)
    ]
    for each in plans[:-1]:
        stage.make(unit_of(folder, each))
    stage.make(unit_of(folder, plans[0]))  # used again
    stage.make(unit_of(folder, plans[-1]))
    loads = len(counted)
    stage.make(unit_of(folder, plans[0]))
    assert len(counted) == loads
    stage.make(unit_of(folder, plans[1]))
    assert len(counted) == loads + 1


def test_the_facts_of_a_package_name_the_worker_and_its_engines_seconds(
    tmp_path: Path, counted: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = Busy()
    stage = Inference(cast("Engine", Fingerprint("1")), cast("Batcher", None), Settings(worker_name="gpu-1"), busy)
    busy.add(10.0, 12.5)

    def make(*_: Any) -> int:
        busy.add(12.5, 13.0)
        return 7

    monkeypatch.setattr(worker, "make_package", make)
    made = stage.make(unit_of(JobFolder(tmp_path), make_plan((2, 64, 64), sections=2)))
    assert (made.windows, made.worker, made.engine_s) == (7, "gpu-1", (2.5, 3.0))


def test_a_package_that_is_there_has_no_facts(
    tmp_path: Path, counted: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "make_package", lambda *_: None)
    made = inference().make(unit_of(JobFolder(tmp_path), make_plan((2, 64, 64), sections=2)))
    assert (made.windows, made.worker, made.engine_s) == (None, None, None)


def test_a_package_is_predicted_by_the_checkpoint_of_its_plan(tmp_path: Path) -> None:
    checkpoint = write_middle(tmp_path / "network.onnx", sections=1)
    plan = make_plan((2, 40, 48), sections=2)
    member = plan.grids[0].members[0].model_copy(update={"path": str(checkpoint.path), "sha256": checkpoint.sha256})
    plan = plan.model_copy(update={"grids": (plan.grids[0].model_copy(update={"members": (member,)}),)})
    folder = JobFolder(tmp_path / "j")
    stack = np.random.default_rng(0).integers(60, 180, (2, 40, 48), dtype=np.uint8)
    slab_of(folder, stack, plan)
    engine = OpenVinoEngine("f32", threads=1)
    with Batcher(engine.lanes, 2, 0.01) as batcher:
        made = Inference(engine, batcher, Settings(), Busy()).make(unit_of(folder, plan))
    assert made.windows == 2
    with opened(folder.probability(0)) as file:
        assert file["spots/probability"].shape == stack.shape
