"""The picture of a timeline: a lane per stage, as long as its units took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from emstream_postprocess.report import COLOURS, LANE, LEFT, WIDTH, draw_timeline


def columns_of(path: Path, colour: str) -> list[int]:
    """Return the columns in which a colour occurs."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    return [int(x) for x in np.flatnonzero((pixels == ImageColor.getrgb(colour)).all(axis=2).any(axis=0))]


def test_units_are_drawn_where_and_as_long_as_they_ran(tmp_path: Path) -> None:
    final = tmp_path / "timeline.png"
    draw_timeline([("preprocess", 100.0, 105.0), ("inference", 105.0, 110.0)], final)
    first, second = columns_of(final, COLOURS[0]), columns_of(final, COLOURS[1])
    middle = LEFT + (WIDTH - LEFT - 20) // 2
    assert first[0] == LEFT
    assert first[-1] == pytest.approx(middle, abs=1)
    assert second[0] == pytest.approx(middle, abs=1)
    assert second[-1] == WIDTH - 20


def test_the_picture_grows_by_a_lane(tmp_path: Path) -> None:
    heights = []
    for lanes in (1, 3):
        draw_timeline([(f"lane {n}", 0.0, 1.0) for n in range(lanes)], tmp_path / f"{lanes}.png")
        with Image.open(tmp_path / f"{lanes}.png") as image:
            heights.append(image.height)
    assert heights[1] - heights[0] == 2 * LANE


def test_a_unit_that_took_no_time_is_still_seen(tmp_path: Path) -> None:
    final = tmp_path / "timeline.png"
    draw_timeline([("plan", 1.0, 1.0)], final)
    assert columns_of(final, COLOURS[0])
