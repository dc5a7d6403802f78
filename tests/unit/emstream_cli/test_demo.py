"""The pure parts of the demo."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from emstream.api.jobs import StageCount
from emstream.errors import UsageError
from emstream.stages import SHOWN, Stage
from emstream_cli import demo
from tests.unit.emstream_cli.service_double import make_job


def test_a_threshold_finds_what_is_dark_and_nothing_else() -> None:
    grey = np.full((10, 10), 200, np.uint8)
    grey[2:5, 2:5] = 20
    truth = grey < 100
    assert demo.otsu_f1([grey, grey], [truth, truth]) == 1
    half = truth.copy()
    half[2:5, 2:5] = False
    half[2, 2:5] = True  # 3 of the 9 dark pixels: precision 1/3, recall 1
    assert demo.otsu_f1([grey], [half]) == pytest.approx(0.5)


def test_counts_come_from_the_stages_of_the_job() -> None:
    stages = {str(stage): StageCount(done=number, total=9) for number, stage in enumerate(Stage)}
    counts = demo._counts(make_job(stages=stages))
    assert {stage: counts[stage] for stage in SHOWN} == {
        Stage.PREPROCESS: (1, 9),
        Stage.INFERENCE: (2, 9),
        Stage.POSTPROCESS: (3, 9),
    }


def test_a_failure_is_a_sentence_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(source: Path | None) -> None:
        raise UsageError(f"{source} holds 2 samples")

    monkeypatch.setattr(demo, "demonstrate", refuse)
    monkeypatch.setattr(sys, "argv", ["demo", "--input", "stacks"])
    assert demo.main() == 2
    assert capsys.readouterr().err == "emstream: stacks holds 2 samples\n"


def test_a_demo_that_ends_well_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path | None] = []
    monkeypatch.setattr(demo, "demonstrate", seen.append)
    monkeypatch.setattr(sys, "argv", ["demo"])
    assert demo.main() == 0
    assert seen == [None]
