"""The numbers of a report, as report.json holds them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emstream_training.report.learning import Curve, Validation
from emstream_training.report.write import summarise
from tests.unit.emstream_training.report.reports import TRUTH, measured, whole

CURVE = Curve("1fm", (Validation(10, 0.5, 0.7, 0.8, 0.6),))


def test_every_number_is_there_and_goes_through_json() -> None:
    found = json.loads(json.dumps(summarise(whole(), [CURVE], {"command": "emstream report"})))
    assert found["command"] == "emstream report"
    assert (found["object"], found["shape_zyx"], found["main"]) == ("spots", [3, 40, 50], "ensemble (MultiResUNet)")
    assert list(found["scores"]) == ["a", "b", "ensemble (MultiResUNet)"]
    assert found["checkpoints"]["a"] == {"network": "MultiResUNet", "sha256": "0"}
    assert found["training"] == {"1fm": {"step": [10], "loss": [0.5], "f1": [0.7], "precision": [0.8], "recall": [0.6]}}
    assert found["run_time"][1] == {"side": 2000, "packages": 4, "seconds": 9.0}
    assert found["run_time_line"]["slope_s_per_mpx"] == pytest.approx(2)
    assert [example["rank"] for example in found["examples"]] == ["best"]


def test_sections_add_up_to_the_total() -> None:
    scores = summarise(measured(), [], {})["scores"]
    assert isinstance(scores, dict)
    for entry in scores.values():
        hits = [section["true_positives"] for section in entry["sections"]]
        assert sum(hits) == entry["total"]["true_positives"] > 0
        assert len(entry["curve"]["precision"]) == len(entry["curve"]["recall"]) == 256
        assert entry["curve"]["recall"] == sorted(entry["curve"]["recall"], reverse=True)


def test_only_the_missing_section_has_numbers_of_the_others() -> None:
    robustness = summarise(whole(), [], {})["robustness"]
    assert isinstance(robustness, dict)
    assert [key for key, entry in robustness.items() if "other_sections" in entry] == ["missing_section"]
    assert set(robustness["missing_section"]["other_sections"]) == {"a", "b", "ensemble (MultiResUNet)"}


def test_without_structure_there_is_no_curve() -> None:
    scores = summarise(measured(truth=np.zeros_like(TRUTH)), [], {})["scores"]
    assert isinstance(scores, dict)
    assert scores["a"]["curve"] == {"precision": [], "recall": []}
    assert "average_precision" not in scores["a"]["total"]
    assert summarise(measured(), [], {})["run_time_line"] is None
