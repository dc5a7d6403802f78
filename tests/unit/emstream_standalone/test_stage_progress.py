"""Progress of a run, as a user sees it."""

from __future__ import annotations

import pytest

from emstream.stages import SHOWN, Stage
from emstream_standalone import progress as progress_module
from emstream_standalone.progress import SILENT, StageProgress, counts_line, no_progress, shown
from tests.plans import make_plan

BEGUN = {Stage.PREPROCESS: (2, 2), Stage.INFERENCE: (3, 8), Stage.POSTPROCESS: (0, 2)}
DONE = dict.fromkeys(SHOWN, (2, 2))


def test_stages_have_the_names_that_they_have_everywhere() -> None:
    assert counts_line(BEGUN) == "preprocess 2/2  inference 3/8  postprocess 0/2"


def test_without_a_terminal_a_line_comes_now_and_then_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress() as progress:
        progress(BEGUN)
        progress(BEGUN | {Stage.INFERENCE: (4, 8)})  # too early for another line
        progress(DONE)
        progress(DONE)  # said already
    assert capsys.readouterr().err.splitlines() == [counts_line(BEGUN), counts_line(DONE)]


def test_a_line_that_changed_comes_again_after_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_module, "PLAIN_EVERY_S", 0.0)
    with StageProgress() as progress:
        for done in (3, 3, 4):
            progress(BEGUN | {Stage.INFERENCE: (done, 8)})
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_quiet_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with StageProgress(is_quiet=True) as progress:
        progress(BEGUN)
    assert capsys.readouterr().err == ""
    assert shown(is_quiet=True) is SILENT


def test_a_terminal_gets_a_bar_per_stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with StageProgress() as progress:
        progress(BEGUN)
        bars = [(task.description, task.completed, task.total) for task in progress.progress.tasks]
    assert bars == [("preprocess", 2, 2), ("inference", 3, 8), ("postprocess", 0, 2)]


def test_the_plan_is_shown_with_its_notes(capsys: pytest.CaptureFixture[str]) -> None:
    shown().on_plan(make_plan((2, 8, 8), 2, warnings=("it is pale",)))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "images\nnote: it is pale\n")


def test_the_silent_listener_takes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    SILENT.on_plan(make_plan((2, 8, 8), 2))
    with no_progress() as show:
        show(BEGUN)
    assert capsys.readouterr().err == ""
