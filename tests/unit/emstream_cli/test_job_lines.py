"""A job in one line and in all its words."""

from __future__ import annotations

import pytest

from emstream.api.jobs import StageCount, UnitError
from emstream_cli.console import _duration, in_a_line, in_words
from tests.unit.emstream_cli.service_double import make_job


def test_a_job_that_is_over_has_its_state_and_name() -> None:
    line = in_a_line(make_job(7))
    assert line.startswith("00000000  19")
    assert line.endswith("  completed  sample 7")


def test_a_job_that_runs_says_how_far_it_is_and_how_long_it_takes() -> None:
    job = make_job(1, "running", progress=0.25, eta_s=600.0)
    assert in_a_line(job).endswith("running  25 %, about 10 min left  sample 1")


def test_words_leave_out_what_is_not_known() -> None:
    assert in_words(make_job(1, "running", progress=0.5)) == [
        "job 00000000000000000000000000000001: sample 1",
        "state: running, 50 %",
    ]


def test_words_tell_all_about_a_job() -> None:
    job = make_job(
        1,
        "completed_with_errors",
        shape_zyx=(3, 20, 30),
        voxel_size_nm=(50.0, 5.5, 5.5),
        objects=("mitochondria", "nuclei"),
        stages={"inference": StageCount(done=2, total=3), "plan": StageCount(done=0, total=0)},
        warnings=("it is pale",),
        errors=(UnitError(stage="inference", unit=4, sentence="no memory"),),
    )
    assert in_words(job)[2:] == [
        "shape (z, y, x): 3 x 20 x 30",
        "voxel size: 5.5 nm pixels, 50 nm sections",
        "objects: mitochondria, nuclei",
        "inference: 2 of 3",
        "note: it is pale",
        "failed: inference 4: no memory",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2.0 h")]
)
def test_times_come_in_one_unit(seconds: float, words: str) -> None:
    assert _duration(seconds) == words
