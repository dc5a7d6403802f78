"""The parts of a run around the stages: interruption, times, the timeline's picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import Interrupted, OutputInUse
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.record import Request
from emstream.jobs.timeline import Timeline, TimelineEntry
from emstream.stages import Stage
from emstream_postprocess.report import Wanted
from emstream_standalone import predict as module
from emstream_standalone.in_process import Outcome, check_no_result
from emstream_standalone.predict import PredictOptions, interruptible, timings, write_timeline


class OutcomeDouble:
    """What timings and pictures ask of an outcome."""

    window_pixels = 12

    def __init__(self, path: Path, entries: list[TimelineEntry], engine: list[tuple[float, float]]) -> None:
        path.write_text("".join(entry.to_json() + "\n" for entry in entries))
        self.timeline = Timeline(path)
        self.timeline.engine[:] = engine


UNITS = [
    TimelineEntry(Stage.POSTPROCESS, 0, 5.0, 6.0),
    TimelineEntry(Stage.INFERENCE, 1, 3.0, 5.0),
    TimelineEntry(Stage.INFERENCE, 0, 1.0, 2.5),
    TimelineEntry(Stage.PREPROCESS, 0, 0.0, 1.0),
]


def outcome(folder: Path, entries: list[TimelineEntry], engine: list[tuple[float, float]]) -> Outcome:
    return OutcomeDouble(folder / "timeline.jsonl", entries, engine)  # type: ignore[return-value]  # a double


def test_an_interruption_says_how_to_go_on() -> None:
    with pytest.raises(Interrupted, match="run the same command again to go on where it was"), interruptible():
        raise KeyboardInterrupt


def test_other_errors_pass_an_interruptible_run() -> None:
    with pytest.raises(ZeroDivisionError), interruptible():
        raise ZeroDivisionError


def test_options_leave_the_working_files_only_if_asked() -> None:
    options = PredictOptions(Request(input="/stack"), Path("out"), Wanted())
    assert (options.keep, options.restart, options.has_timeline) == (False, False, False)


def test_times_are_summed_per_stage_and_the_engine_has_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 100.0)
    found = timings(outcome(tmp_path, UNITS, [(1.0, 2.0), (4.0, 5.0)]), began=90.0)
    assert found == {
        "total_s": 10.0,
        "stages_s": {"postprocess": 1.0, "inference": 3.5, "preprocess": 1.0},
        "engine_busy_s": 2.0,
        "window_pixels": 12,
        "engine_idle_share": 0.5,
    }


def test_an_engine_that_had_nothing_to_do_was_not_idle(tmp_path: Path) -> None:
    found = timings(outcome(tmp_path, [], []), began=0.0)
    assert (found["engine_busy_s"], found["engine_idle_share"], found["stages_s"]) == (0.0, 0.0, {})


def test_the_timeline_is_drawn_stage_by_stage_with_the_engine_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[str, float, float]] = []
    monkeypatch.setattr(module, "draw_timeline", lambda units, final: drawn.extend(units))
    write_timeline(outcome(tmp_path, UNITS, [(1.0, 2.0)]), tmp_path / "timeline.png")
    assert drawn == [
        ("preprocess", 0.0, 1.0),
        ("inference", 1.0, 2.5),
        ("inference", 3.0, 5.0),
        ("postprocess", 5.0, 6.0),
        ("engine", 1.0, 2.0),
    ]


def test_nothing_done_is_nothing_drawn(tmp_path: Path) -> None:
    write_timeline(outcome(tmp_path, [], []), tmp_path / "timeline.png")
    assert not (tmp_path / "timeline.png").exists()
    assert JobFolder(tmp_path).read() is None


def test_a_finished_result_is_not_replaced_without_being_asked_for(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / WORK)
    check_no_result(tmp_path, folder)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(OutputInUse, match="holds a finished result: give another output folder, or --restart"):
        check_no_result(tmp_path, folder)
    folder.path.mkdir()
    check_no_result(tmp_path, folder)  # of a job that was kept, or is to be gone on with
