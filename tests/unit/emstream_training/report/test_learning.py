"""Training curves, read from the file that a training writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import DamagedFile, InputUnreadable
from emstream_training.fit.validation import Curve, Row
from emstream_training.report.learning import COLUMNS, Validation, read_curves


def test_curves_are_named_by_their_folders(tmp_path: Path) -> None:
    for name in ("1fm", "3fm"):
        (tmp_path / name).mkdir()
        text = "step,loss,f1,precision,recall,threshold,time\n50,0.5,0.7,0.8,0.6,0.5,12:00:00\n"
        (tmp_path / name / "curve.csv").write_text(text)
    curves = read_curves([tmp_path / name / "curve.csv" for name in ("1fm", "3fm")])
    assert [curve.name for curve in curves] == ["1fm", "3fm"]
    assert curves[0].columns()["f1"] == [0.7]


@pytest.mark.parametrize("text", ["step,loss\n1,2\n", "step,loss,f1,precision,recall\n1,x,0,0,0\n", ""])
def test_a_curve_that_is_none_gets_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "curve.csv").write_text(text)
    with pytest.raises(DamagedFile, match=r"curve\.csv (is not a training curve|has no rows)"):
        read_curves([tmp_path / "curve.csv"])
    with pytest.raises(InputUnreadable, match="cannot be read"):
        read_curves([tmp_path / "nowhere.csv"])


def test_a_training_s_own_curve_is_read(tmp_path: Path) -> None:
    written = Curve(tmp_path, 0)
    for row in (Row(10, 0.5, 0.7, 0.8, 0.6, 0.5), Row(20, 0.4, 0.7, 0.9, 0.5, 0.5), Row(30, 0.3, 0.2, 0.1, 0.4, 0.5)):
        written.add(row)
    [curve] = read_curves([tmp_path / "curve.csv"])
    assert curve.rows[1] == Validation(20, 0.4, 0.7, 0.9, 0.5)
    assert curve.best == curve.rows[0]  # the first of equal ones
    assert curve.columns()["loss"] == [0.5, 0.4, 0.3]
    assert tuple(curve.columns()) == COLUMNS


def test_curves_of_equal_folders_are_named_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / name / "out" / "curve.csv" for name in ("a", "b")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text("step,loss,f1,precision,recall\n1,1,1,1,1\n")
    assert [curve.name for curve in read_curves(paths)] == [str(path) for path in paths]
