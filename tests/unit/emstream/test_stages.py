"""The table of stages: one flow, whole shares, and what becomes ready after what."""

from __future__ import annotations

import pytest

from emstream.stages import KINDS, ROWS, SHOWN, Stage, ready_after


def test_each_stage_has_a_row_and_the_flow_has_no_gap() -> None:
    assert list(ROWS) == list(Stage)
    assert [row.follows for row in ROWS.values()] == [None, *list(Stage)[:-1]]


def test_the_shares_of_progress_add_up_to_a_whole_job() -> None:
    assert sum(row.weight for row in ROWS.values()) == pytest.approx(1)


def test_workers_come_in_three_kinds_in_flow_order() -> None:
    assert KINDS == ("preprocess", "inference", "postprocess")
    assert (Stage.PLAN.queue, Stage.FINISH.queue) == ("preprocess", "postprocess")


def test_progress_is_shown_of_stages_that_write_a_file_per_unit() -> None:
    assert SHOWN == (Stage.PREPROCESS, Stage.INFERENCE, Stage.POSTPROCESS)
    assert len({stage.row.folder for stage in SHOWN}) == len(SHOWN)


@pytest.mark.parametrize(
    ("ended", "ready"),
    [
        (Stage.PLAN, {Stage.PLAN, Stage.PREPROCESS}),
        (Stage.PREPROCESS, {Stage.PREPROCESS, Stage.INFERENCE}),
        (Stage.INFERENCE, {Stage.INFERENCE, Stage.POSTPROCESS, Stage.PREPROCESS}),
        (Stage.POSTPROCESS, {Stage.POSTPROCESS, Stage.FINISH, Stage.PREPROCESS}),
        (Stage.FINISH, {Stage.FINISH}),
    ],
)
def test_what_a_unit_that_ends_lets_run(ended: Stage, ready: set[Stage]) -> None:
    assert ready_after(ended)[0] is ended
    assert set(ready_after(ended)) == ready
