"""The learning curve: rows once each, and a picture of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from emstream_training.fit.validation import Curve, Row


def rows(count: int) -> list[Row]:
    return [Row(100 * (n + 1), 1 / (n + 1), 0.5 + n / 20, 0.6, 0.7, 0.4) for n in range(count)]


def test_rows_are_read_back_up_to_a_step(tmp_path: Path) -> None:
    curve = Curve(tmp_path, 0)
    for row in rows(4):
        curve.add(row)
    assert Curve(tmp_path, 400).rows == rows(4)
    resumed = Curve(tmp_path, 250)
    assert resumed.rows == rows(2)
    resumed.add(rows(3)[2])
    assert Curve(tmp_path, 10_000).rows == rows(3)


def test_the_picture_changes_with_each_row(tmp_path: Path) -> None:
    curve = Curve(tmp_path, 0)
    seen = []
    for row in rows(3):
        curve.add(row)
        with Image.open(tmp_path / "curve.png") as picture:
            seen.append(np.asarray(picture.convert("L")))
    assert min(seen[0].shape) > 400
    assert not np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[1], seen[2])
