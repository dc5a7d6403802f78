"""Drawings: the same bytes each time, whatever matplotlib is set to."""

from __future__ import annotations

import io

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from emstream_training.report.drawing import DPI, PLACES, SIZE_IN, own_style, paint, to_png
from tests.unit.emstream_training.report.reports import DRAWING


def test_a_png_is_the_same_bytes_each_time() -> None:
    first = to_png(DRAWING)
    with matplotlib.rc_context({"font.size": 30, "savefig.facecolor": "red"}):
        assert to_png(DRAWING) == first
        assert matplotlib.rcParams["font.size"] == 30
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.size == (round(SIZE_IN[0] * DPI), round(SIZE_IN[1] * DPI))


def test_a_drawing_stays_in_its_part_of_the_figure() -> None:
    with own_style():
        figure = Figure(figsize=SIZE_IN)
        paint(DRAWING, figure, (0.5, 0.0, 0.5, 0.5))
    for axes in figure.axes:
        box = axes.get_position(original=True)
        assert box.x0 >= 0.5
        assert box.y1 <= 0.5
        assert all(round(value, PLACES) == value for value in (box.x0, box.y0))
