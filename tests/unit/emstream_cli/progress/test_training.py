"""Lines of a training: one for each validation, wherever it runs."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from emstream_cli.progress import TrainingProgress
from emstream_training.fit.train import Progress
from emstream_training.fit.validation import Row


def tell(*seen: Progress, is_quiet: bool = False) -> None:
    with TrainingProgress(is_quiet) as show:
        for progress in seen:
            show(progress)


ROW = Row(2, 0.4, 0.75, 0.8, 0.7, 0.5)
SEEN = (Progress(1, 4, 0.5, -1), Progress(2, 4, 0.4, 0.750049, ROW), Progress(3, 4, 0.3, 0.75))


def test_without_a_terminal_there_is_a_line_for_each_validation(capsys: pytest.CaptureFixture[str]) -> None:
    tell(*SEEN)
    assert capsys.readouterr().err == "step 2/4  loss 0.400  F1 0.750  precision 0.800  recall 0.700  (best)\n"
    tell(*SEEN, is_quiet=True)
    assert capsys.readouterr().err == ""


def test_in_between_a_line_tells_that_it_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream_cli.progress.TRAINING_EVERY_S", 0.0)
    tell(Progress(7, 0, 0.5, -1))
    assert capsys.readouterr().err == "step 7  loss 0.500\n"


def test_on_a_terminal_validations_stay_above_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    tell(*SEEN)
    assert "step 2/4  loss 0.400  F1 0.750" in capsys.readouterr().err
