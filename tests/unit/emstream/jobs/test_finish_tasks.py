"""Tasks of `finish`: each has one unit in the ledger, and units of older versions keep their meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.jobs.finish_tasks import FIRST_EXPORT, RESULT, FinishKind, FinishTask, task_of

UNITS = {
    0: RESULT,
    1: FinishTask(FinishKind.MASKS, 1),
    2: FinishTask(FinishKind.MASKS, 2),
    65535: FinishTask(FinishKind.MESHES),
    100_000: FinishTask(FinishKind.EXPORT, FIRST_EXPORT),
    (1 << 24) - 1: FinishTask(FinishKind.EXPORT, (1 << 24) - 1),
    1 << 24: FinishTask(FinishKind.LABELS, 0),
    (1 << 24) + 17: FinishTask(FinishKind.LABELS, 17),
}


@pytest.mark.parametrize(("unit", "task"), UNITS.items())
def test_units_mean_what_they_meant_to_every_version(unit: int, task: FinishTask) -> None:
    assert task.unit == unit
    assert task_of(unit) == task


@given(st.integers(0, 1 << 25))
def test_a_unit_is_one_task_or_none(unit: int) -> None:
    try:
        task = task_of(unit)
    except ValueError:
        assert 2 < unit < FIRST_EXPORT or unit >= 1 << 25
    else:
        assert task.unit == unit


@pytest.mark.parametrize(
    ("kind", "number"),
    [(FinishKind.RESULT, 1), (FinishKind.MASKS, 0), (FinishKind.EXPORT, 7), (FinishKind.LABELS, -1)],
)
def test_a_number_that_a_kind_does_not_have_is_refused(kind: FinishKind, number: int) -> None:
    with pytest.raises(ValueError, match=f"a task {kind} has a number from"):
        FinishTask(kind, number)
