"""The numbers behind a report's figures: lines through times, means of maps, what is an example, curves read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import DamagedFile, InputUnreadable, UsageError
from emstream.models.checkpoint import Checkpoint, Header
from emstream_training.metrics.curves import Histograms
from emstream_training.report.candidates import Candidate, Member, candidates_of, check_names
from emstream_training.report.examples import make_example, telling_sections
from emstream_training.report.learning import read_curves
from emstream_training.report.run_time import Timing, fit_line, mirrored
from emstream_training.report.scores import Tally, mean_map


def member(name: str, sections: int = 3, family: str = "MultiResUNet", weight: int = 1) -> Member:
    header = Header.model_validate(
        {
            "name": name,
            "network": "MultiResUNet",
            "width": 1,
            "reduction": 1,
            "sections": sections,
            "objects": ["spots"],
            "normalisation": "",
            "alignment": 16,
            "pixel_size_nm": None,
            "z_range_nm": [1, 100],
            "halo_exact": 160,
            "halo_fast": 64,
            "threshold": 0.5,
        }
    )
    return Member(Checkpoint(Path(f"{name}.onnx"), header, "0"), family, weight, 0.4)


@given(
    st.lists(st.integers(100, 5000), min_size=2, max_size=6, unique=True),
    st.floats(-5, 5),
    st.floats(0.1, 20),
)
def test_a_straight_line_is_found(sides: list[int], intercept: float, slope: float) -> None:
    line = fit_line([Timing(side, 1, intercept + slope * side * side / 1e6) for side in sides])
    assert line is not None
    assert line.slope_s_per_mpx == pytest.approx(slope, rel=1e-4, abs=1e-6)
    assert line.intercept_s == pytest.approx(intercept, abs=1e-4)
    assert line.r_squared == pytest.approx(1)


def test_what_lies_off_the_line_lowers_r_squared() -> None:
    timings = [Timing(1000, 1, 1.0), Timing(2000, 4, 9.0), Timing(3000, 9, 9.0)]
    line = fit_line(timings)
    slope, intercept = np.polyfit([1, 4, 9], [1, 9, 9], 1)
    correlation = np.corrcoef([1, 4, 9], [1, 9, 9])[0, 1]
    assert line is not None
    assert (line.slope_s_per_mpx, line.intercept_s) == pytest.approx((slope, intercept))
    assert line.r_squared == pytest.approx(correlation**2)


def test_one_size_makes_no_line() -> None:
    assert fit_line([]) is None
    assert fit_line([Timing(1024, 1, 3.0)]) is None


def test_a_section_is_continued_by_its_mirror_image() -> None:
    section = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert np.array_equal(mirrored(section, 5), section[:, :5])
    assert np.array_equal(mirrored(section, 20), np.pad(section, ((0, 15), (0, 13)), mode="symmetric"))


def test_an_ensemble_is_the_mean_weighted_by_variants() -> None:
    members = member("a", weight=1), member("b", weight=3)
    whole = Candidate("ensemble", "x", "ensemble", members, 0.5)
    planes = {"a": np.array([[0, 255]], np.uint8), "b": np.array([[100, 255]], np.uint8)}
    assert mean_map(planes, whole).tolist() == [[75, 255]]


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


def histograms(hits: int, misses: int, false_alarms: int) -> Histograms:
    positives, negatives = np.zeros(256, np.int64), np.zeros(256, np.int64)
    positives[[200, 10]], negatives[200] = (hits, misses), false_alarms
    return Histograms(positives, negatives)


def test_examples_are_the_best_the_median_and_the_worst_section_with_structure() -> None:
    sections = histograms(0, 0, 0), histograms(5, 5, 0), histograms(9, 1, 0), histograms(1, 9, 0)
    assert telling_sections(Tally(128, sections)) == [("best", 2), ("median", 1), ("worst", 3)]
    assert telling_sections(Tally(128, sections[:2])) == [("best and median and worst", 1)]
    assert telling_sections(Tally(128, sections[:1])) == [("first", 0)]


def test_an_example_is_coloured_where_something_was_marked_or_missed() -> None:
    grey = np.full((40, 40), 90, np.uint8)
    truth, probability = np.zeros((40, 40), bool), np.zeros((40, 40), np.uint8)
    truth[:20, :20] = True
    probability[:20, 10:30] = 255
    example = make_example("best", 0, Tally(128, (histograms(200, 200, 200),)), grey, probability, truth)
    colours = {tuple(example.coloured[y, x].tolist()) for y, x in ((5, 5), (5, 15), (5, 25), (30, 30))}
    assert len(colours) == 4
    assert (90, 90, 90) in colours


def test_a_tally_can_leave_a_section_out() -> None:
    tally = Tally(128, (histograms(5, 5, 0), histograms(9, 1, 0)))
    assert tally.without(0).score["recall"] == 0.9
    assert tally.score["recall"] == 0.7


def test_curves_are_named_by_their_folders(tmp_path: Path) -> None:
    for name in ("1fm", "3fm"):
        (tmp_path / name).mkdir()
        text = "step,loss,f1,precision,recall,threshold,time\n50,0.5,0.7,0.8,0.6,0.5,12:00:00\n"
        (tmp_path / name / "curve.csv").write_text(text)
    curves = read_curves([tmp_path / name / "curve.csv" for name in ("1fm", "3fm")])
    assert [curve.name for curve in curves] == ["1fm", "3fm"]
    assert curves[0].column("f1") == [0.7]


@pytest.mark.parametrize("text", ["step,loss\n1,2\n", "step,loss,f1,precision,recall\n1,x,0,0,0\n", ""])
def test_a_curve_that_is_none_gets_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "curve.csv").write_text(text)
    with pytest.raises(DamagedFile, match=r"curve\.csv (is no training curve|has no rows)"):
        read_curves([tmp_path / "curve.csv"])
    with pytest.raises(InputUnreadable, match="cannot be read"):
        read_curves([tmp_path / "nowhere.csv"])
