"""The ledger's terms: what the disk shows, what is done and what may run."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from emstream.ledger.terms import Found, JobShape, totals
from emstream.stages import Stage

SHAPE = JobShape(slabs=3, packages_per_slab=2)


def found(
    slabs: Iterable[int] = (), packages: Iterable[int] = (), results: Iterable[int] = (), end: bool = False
) -> Found:
    return Found(SHAPE, frozenset(slabs), frozenset(packages), frozenset(results), end)


def test_a_job_without_a_plan_is_planned_first() -> None:
    assert {stage: units for stage, units in Found().ready().items() if units} == {Stage.PLAN: [0]}
    assert not any(Found().done().values())


def test_each_slab_waits_for_its_next_step_only() -> None:
    ready = found(slabs={0, 1}, packages={0, 1, 2}).ready()
    assert ready[Stage.PREPROCESS] == [2]
    assert ready[Stage.INFERENCE] == [3]
    assert ready[Stage.POSTPROCESS] == [0]
    assert ready[Stage.FINISH] == []


def test_a_result_implies_its_slab_and_packages_whose_files_are_gone() -> None:
    state = found(results={1})
    assert state.done()[Stage.PREPROCESS] == {1}
    assert state.done()[Stage.INFERENCE] == {2, 3}
    assert state.predicted() == 1


def test_the_last_result_makes_the_finish_ready_once() -> None:
    assert found(results={0, 1, 2}).ready()[Stage.FINISH] == [0]
    assert found(results={0, 1, 2}, end=True).ready()[Stage.FINISH] == []


@given(
    slabs=st.frozensets(st.integers(0, 2)),
    packages=st.frozensets(st.integers(0, 5)),
    results=st.frozensets(st.integers(0, 2)),
)
def test_nothing_that_is_done_is_ready(
    slabs: frozenset[int], packages: frozenset[int], results: frozenset[int]
) -> None:
    state = Found(SHAPE, slabs, packages, results)
    done, ready = state.done(), state.ready()
    assert not any(set(ready[stage]) & done[stage] for stage in Stage)


def test_totals_are_unknown_until_the_plan() -> None:
    assert totals(None) == dict.fromkeys(Stage, 0) | {Stage.PLAN: 1, Stage.FINISH: 1}
    assert totals(SHAPE)[Stage.INFERENCE] == 6
