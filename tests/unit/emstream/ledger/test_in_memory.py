"""One job's units: what each unit that ends makes ready, on jobs small enough to follow. The calls: see test_ledger."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.ledger.hints import Hint, last_first
from emstream.ledger.in_memory import JobUnits, MemoryLedger
from emstream.ledger.terms import Answer, Found, JobShape, Limits
from emstream.stages import Stage

SHAPE = JobShape(slabs=2, packages_per_slab=2)
PLANNED = Found(SHAPE)


def ready(units: JobUnits, stage: Stage) -> list[int]:
    return list(units.ready[stage])


def test_a_plan_makes_every_slab_ready_and_a_slab_its_packages() -> None:
    units = JobUnits.of("ann", Found())
    assert ready(units, Stage.PLAN) == [0]
    units.finish(Stage.PLAN, 0, SHAPE)
    assert ready(units, Stage.PREPROCESS) == [0, 1]
    units.finish(Stage.PREPROCESS, 1, None)
    assert ready(units, Stage.INFERENCE) == [2, 3]


def test_a_slab_is_stitched_once_its_packages_are_done_and_the_job_finished_once_its_slabs_are() -> None:
    units = JobUnits.of("ann", PLANNED)
    for slab in (0, 1):
        units.finish(Stage.PREPROCESS, slab, None)
    for package in (0, 3, 1):
        units.finish(Stage.INFERENCE, package, None)
    assert ready(units, Stage.POSTPROCESS) == [0]
    units.finish(Stage.POSTPROCESS, 0, None)
    assert ready(units, Stage.FINISH) == []
    units.finish(Stage.INFERENCE, 2, None)
    units.finish(Stage.POSTPROCESS, 1, None)
    assert ready(units, Stage.FINISH) == [0]


def test_a_package_that_fails_blocks_its_slab_but_not_the_job() -> None:
    units = JobUnits.of("ann", PLANNED)
    units.give_up(Stage.INFERENCE, 0, "out of memory")
    assert units.blocked == set()  # its neighbour may still come
    units.finish(Stage.INFERENCE, 1, None)
    assert (units.blocked, ready(units, Stage.POSTPROCESS)) == ({0}, [])
    units.finish(Stage.INFERENCE, 2, None)
    units.finish(Stage.INFERENCE, 3, None)
    units.finish(Stage.POSTPROCESS, 1, None)
    assert ready(units, Stage.FINISH) == [0]
    assert units.status().failed == {(Stage.INFERENCE, 0): "out of memory"}


@pytest.mark.parametrize("stage", [Stage.PREPROCESS, Stage.POSTPROCESS])
def test_a_job_whose_slabs_all_fail_is_finished_too(stage: Stage) -> None:
    units = JobUnits.of("ann", PLANNED)
    units.give_up(stage, 0, "damaged")
    assert ready(units, Stage.FINISH) == []
    units.give_up(stage, 1, "damaged")
    assert ready(units, Stage.FINISH) == [0]


def test_slabs_ahead_count_until_they_are_predicted_and_until_they_are_stitched() -> None:
    units = JobUnits.of("ann", PLANNED)
    units.started_slabs = 2
    assert units.ahead() == (2, 2)
    for package in (0, 1):
        units.finish(Stage.INFERENCE, package, None)
    assert units.ahead() == (1, 2)
    units.finish(Stage.POSTPROCESS, 0, None)
    assert units.ahead() == (1, 1)
    units.give_up(Stage.PREPROCESS, 1, "damaged")
    assert units.ahead() == (0, 0)
    units.started_slabs, units.is_cancelled = 7, True
    assert units.ahead() == (0, 0)


def test_a_unit_made_ready_again_forgets_what_came_of_it() -> None:
    units = JobUnits.of("ann", PLANNED)
    units.attempts[Stage.FINISH, 7] = 4
    units.give_up(Stage.FINISH, 7, "the disk was full")
    units.again(Stage.FINISH, 7)
    assert ready(units, Stage.FINISH) == [7]
    assert units.status().failed == {}
    assert (Stage.FINISH, 7) not in units.attempts


def test_further_finish_units_do_not_count_as_the_job_s_end() -> None:
    units = JobUnits.of("ann", PLANNED)
    units.finish(Stage.FINISH, 100_000, None)
    assert units.status().counts[Stage.FINISH] == (0, 1)
    units.finish(Stage.FINISH, 0, None)
    assert units.status().counts[Stage.FINISH] == (1, 1)


@given(st.permutations(range(4)), st.sets(st.integers(0, 3)))
def test_the_order_in_which_packages_end_does_not_matter(order: list[int], failing: set[int]) -> None:
    units = JobUnits.of("ann", PLANNED)
    for package in order:
        if package in failing:
            units.give_up(Stage.INFERENCE, package, "no")
        else:
            units.finish(Stage.INFERENCE, package, None)
    broken = {package // 2 for package in failing}
    assert units.blocked == broken
    assert sorted(ready(units, Stage.POSTPROCESS)) == sorted({0, 1} - broken)
    assert units.predicted_slabs == 2


@given(st.lists(st.builds(Hint, st.sampled_from(list(Stage)), st.sampled_from("ab"), st.integers(0, 9))))
def test_hints_put_before_a_queue_last_first_stand_in_order(hints: list[Hint]) -> None:
    queue: list[Hint] = []
    for hint in last_first(hints):
        queue.insert(0, hint)
    assert [(hint.job, hint.unit) for hint in queue] == sorted((hint.job, hint.unit) for hint in hints)


def test_threads_that_claim_at_once_get_a_unit_once() -> None:
    ledger = MemoryLedger(Limits(window=100, run_ahead=100))
    ledger.enter("j", "ann", Found(JobShape(20, 1)))
    hints = ledger.dispatch(Stage.PREPROCESS, 0.0)
    assert len(hints) == 20
    got: list[Hint] = []

    def claim() -> None:
        got.extend(hint for hint in hints if ledger.claim(hint, 0.0).answer is Answer.OK)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=lambda hint: hint.unit) == hints
