"""emstream evaluate: options that do not go together, and the table of scores."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from emstream.errors import UsageError
from emstream_cli.commands import evaluate as module
from emstream_cli.commands.evaluate import ScoredOptions, check_scored, evaluation_lines, has_regions
from emstream_training.metrics.evaluate import Evaluation

HERE = Path("here")
ROW = {"f1": 0.5, "precision": 0.25, "recall": 1.0, "iou": 1 / 3}


@pytest.mark.parametrize(
    ("scored", "objects", "checkpoints", "stretch", "sentence"),
    [
        (ScoredOptions(), [], [], False, "give --images"),
        (ScoredOptions(HERE, HERE), [], [], False, "one of them"),
        (ScoredOptions(masks=HERE), [], [HERE], False, "without a network: leave out --checkpoint"),
        (ScoredOptions(masks=HERE), [], [], True, "scored as they are: leave out --contrast-stretch"),
        (ScoredOptions(HERE), ["a", "b"], [], False, "one structure is scored at a time, got --object a --object b"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    scored: ScoredOptions, objects: list[str], checkpoints: list[Path], stretch: bool, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        check_scored(scored, objects, checkpoints, stretch)


def test_options_that_go_together_pass() -> None:
    check_scored(ScoredOptions(images=HERE), ["a"], [HERE], True)
    check_scored(ScoredOptions(masks=HERE), ["a"], [], False)


def test_regions_are_measured_of_membranes_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "can_measure_regions", lambda: True)
    assert has_regions(None, "membranes")
    assert not has_regions(None, "nuclei")
    assert has_regions(True, "nuclei")
    assert not has_regions(False, "membranes")
    monkeypatch.setattr(module, "can_measure_regions", lambda: False)
    assert not has_regions(None, "membranes")
    assert "note: adapted Rand error" in capsys.readouterr().err
    with pytest.raises(UsageError, match="pip install"):
        has_regions(True, "membranes")


def test_sections_count_from_one_and_the_total_comes_last() -> None:
    lines = evaluation_lines(cast(Evaluation, {"sections": [ROW, ROW], "total": ROW}))
    assert lines == [
        " section      F1  precision  recall     IoU",
        "       1  0.5000     0.2500  1.0000  0.3333",
        "       2  0.5000     0.2500  1.0000  0.3333",
        "   total  0.5000     0.2500  1.0000  0.3333",
    ]


def test_curves_and_regions_get_a_line_each() -> None:
    curve = {
        "average_precision": 0.5,
        "recall_at_precision_0.80": 0.6,
        "precision_at_recall_0.95": 0.7,
        "best_f1": 0.8,
        "best_threshold": 0.25,
    }
    regions = {
        "adapted_rand_error": 0.1,
        "adapted_rand_error_thinned": 0.05,
        "variation_of_information": 0.5,
        "split": 0.2,
        "merge": 0.3,
    }
    lines = evaluation_lines(cast(Evaluation, {"sections": [], "total": ROW | curve | regions}))
    assert lines[-2:] == [
        "average precision 0.5000, recall at precision 0.80 0.6000, precision at recall 0.95 0.7000, "
        "best F1 0.8000 at threshold 0.250",
        "regions: adapted Rand error 0.1000 (0.0500 after thinning), variation of information 0.500 bits "
        "(split 0.200, merge 0.300)",
    ]
