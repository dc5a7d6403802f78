"""Candidates: checkpoints alone and in ensembles, each with its threshold."""

from __future__ import annotations

import pytest

from emstream.errors import UsageError
from emstream_training.report.candidates import candidates_of, check_names, mean_threshold
from tests.unit.emstream_training.report.reports import member


def test_candidates_are_the_checkpoints_and_their_ensembles() -> None:
    one = candidates_of([member("a")], 0.3)
    assert [(c.name, c.kind, c.threshold) for c in one] == [("a", "3fm", 0.4)]
    two = candidates_of([member("a", 1), member("b"), member("c")], 0.3)
    assert [(c.kind, c.threshold) for c in two] == [("1fm", 0.4), ("3fm", 0.4), ("3fm (2)", 0.4), ("ensemble", 0.3)]
    mixed = candidates_of([member("a"), member("b", 5), member("c", family="DeepEM3D")], 0.3)
    assert [(c.family, c.kind) for c in mixed[3:]] == [("MultiResUNet", "ensemble"), ("all", "ensemble")]


def test_checkpoints_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="are both called a"):
        check_names([member("a"), member("b"), member("a")])


def test_different_names_pass_and_one_member_may_be_met_again() -> None:
    one = member("a")
    check_names([one, member("b"), one])


def test_an_ensemble_of_one_family_has_the_mean_threshold_of_its_members() -> None:
    low, high = member("a", threshold=0.2), member("b", 5, threshold=0.5)
    assert mean_threshold([low, high]) == pytest.approx(0.35)
    found = candidates_of([low, high, member("c", family="DeepEM3D")], 0.3)
    assert [c.name for c in found] == ["a", "b", "c", "ensemble (MultiResUNet)", "ensemble (all)"]
    assert [c.threshold for c in found] == pytest.approx([0.2, 0.5, 0.4, 0.35, 0.3])
    assert [m.name for m in found[-1].members] == ["a", "b", "c"]
