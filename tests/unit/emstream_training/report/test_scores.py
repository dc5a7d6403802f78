"""Scores: maps from files, their means, and tallies of candidates."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import VolumeDamaged
from emstream.volume.planes import Planes
from emstream_training.metrics.confusion import Confusion
from emstream_training.report.candidates import Candidate, candidates_of
from emstream_training.report.scores import Maps, Tally, mean_map, tally
from tests.unit.emstream_training.report.reports import SHAPE, TRUTH, histograms, member, probability_of


def test_an_ensemble_is_the_mean_weighted_by_variants() -> None:
    members = member("a", weight=1), member("b", weight=3)
    whole = Candidate("ensemble", "x", "ensemble", members, 0.5)
    planes = {"a": np.array([[0, 255]], np.uint8), "b": np.array([[100, 255]], np.uint8)}
    assert mean_map(planes, whole).tolist() == [[75, 255]]


def test_a_tally_can_leave_a_section_out() -> None:
    tally = Tally(128, (histograms(5, 5, 0), histograms(9, 1, 0)))
    assert tally.without(0).score["recall"] == 0.9
    assert tally.score["recall"] == 0.7


@given(st.lists(st.tuples(st.integers(1, 16), st.integers(0, 255)), min_size=2, max_size=5))
def test_a_mean_is_within_half_a_level_of_the_exact_one(rows: list[tuple[int, int]]) -> None:
    members = tuple(member(str(number), weight=weight) for number, (weight, _) in enumerate(rows))
    planes = {str(number): np.full((1, 1), level, np.uint8) for number, (_, level) in enumerate(rows)}
    exact = sum(weight * level for weight, level in rows) / sum(weight for weight, _ in rows)
    found = mean_map(planes, Candidate("all", "x", "ensemble", members, 0.5))
    assert abs(int(found[0, 0]) - exact) <= 0.5 + 1e-4


def test_maps_are_read_and_scored_section_by_section(tmp_path: Path) -> None:
    members = member("a"), member("b", weight=3)
    for name in ("a", "b"):
        with h5py.File(tmp_path / f"{name}.h5", "w", libver="v110") as file:
            planes = Planes.create(file, "spots/probability", SHAPE)
            for z in range(SHAPE[0]):
                planes.write(z, probability_of(name, z))
    maps = Maps("spots", {name: tmp_path / f"{name}.h5" for name in ("a", "b")})
    candidates = candidates_of(members, 0.5)
    found = tally(candidates, maps, lambda z: TRUTH[z], SHAPE[0])
    assert list(found) == ["a", "b", "ensemble (MultiResUNet)"]
    assert np.array_equal(maps.read(candidates[0], 2), probability_of("a", 2))
    for candidate in candidates:
        probability = np.stack([maps.read(candidate, z) for z in range(SHAPE[0])])
        counts = Confusion.of(probability >= candidate.threshold * 255, TRUTH)
        assert sum(found[candidate.name].counts, Confusion()) == counts
        assert found[candidate.name].score["f1"] == round(counts.f1, 6)


def test_a_missing_map_is_reported(tmp_path: Path) -> None:
    h5py.File(tmp_path / "a.h5", "w").close()
    with pytest.raises(VolumeDamaged):
        Maps("spots", {"a": tmp_path / "a.h5"}).planes(0)


def test_the_best_threshold_is_reported_but_not_used() -> None:
    score = Tally(250, (histograms(8, 2, 0),)).score
    assert score["recall"] == 0
    assert score["best_f1"] == 1  # misses have level 10, and there is no background
    assert 0 < score["best_threshold"] <= 10 / 255 + 1e-4
