"""Common parts of all figures: size, style, colours, and painting a drawing as a PNG.

Figures are drawn through matplotlib's objects on Agg or PDF, never through pyplot; the style is the library's own
defaults and STYLE, whatever matplotlibrc the user has, so that the same numbers give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

SIZE_IN = (10.7, 6.1)
"""Width and height of a figure in inches, as a PNG and on a page of the PDF."""
DPI = 150
"""Pixels per inch of a PNG."""
PLACES = 4
"""Decimals of an axes' position, which is a share of the figure."""
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000", "#999999")
"""Colours of candidates, distinct for the colour-blind, too (Okabe and Ito, with grey for their yellow); enough for two
networks over 1, 3 and 5 sections and their ensembles."""
MARKERS = "os^Dv<>P"
"""Markers of candidates, which distinguish them without colour."""
GREY = "#6b6b6b"
"""Colour of secondary lines and text."""
STYLE: dict[RcKeyType, object] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "legend.edgecolor": "none",
    "legend.framealpha": 1,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure with its title and caption.

    key: name of its file. caption: description in sentences. alt: the same in short, for readers who cannot see it.
    draw: paints into an empty figure, in which it gets SIZE_IN.
    """

    key: str
    title: str
    caption: str
    alt: str
    draw: Callable[[Figure], None]


@contextmanager
def own_style() -> Iterator[None]:
    """Draw in the report's style; matplotlib's former settings are restored afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def paint(drawing: Drawing, figure: Figure, rect: tuple[float, float, float, float] = (0, 0, 1, 1)) -> None:
    """Draw into a part of an empty figure. rect: left, bottom, width and height, as shares of the figure.

    The layout's solver differs in the last digits each time: it runs once, and positions are rounded, for equal bytes.
    """
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=rect))
    drawing.draw(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(value, PLACES) for value in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))


def legend_only(axes: Axes, handles: Sequence[Artist], columns: int) -> None:
    """Use axes for a legend only."""
    axes.axis("off")
    axes.legend(handles=handles, loc="center", ncols=columns, borderaxespad=0)


def to_png(drawing: Drawing) -> bytes:
    """Return the drawing as a PNG on white. The same drawing gives the same bytes."""
    with own_style():
        figure = Figure(figsize=SIZE_IN, dpi=DPI)
        paint(drawing, figure)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI)
    return content.getvalue()
