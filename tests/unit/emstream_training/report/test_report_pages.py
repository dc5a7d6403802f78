"""Pages and pictures of a report: well-formed, the same bytes each time, whatever matplotlib is set to."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from emstream_training.report.drawing import Drawing, to_png
from emstream_training.report.pdf import ROWS_ON_A_PAGE, make_pdf
from emstream_training.report.tables import Table
from emstream_training.report.web_page import make_page


def draw(figure: Figure) -> None:
    for axes in figure.subplots(1, 2):
        axes.plot([1, 2, 3], [0.5, 0.25, 0.125], marker="o", label="loss")
        axes.legend()


DRAWING = Drawing("loss", "Loss & <gain>", "It falls by half.", 'A line that falls, "steeply".', draw)
TABLE = Table("Totals", "All.", ("", "F1"), tuple((f"a<b{k}", "0.5") for k in range(ROWS_ON_A_PAGE + 1)), (3, 1))


def test_the_page_is_well_formed_whatever_the_names() -> None:
    text = make_page("a & b", "1 < 2", [DRAWING], {"loss": b"png"}, [TABLE, TABLE])
    page = ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))
    assert page.findtext("head/title") == "a & b"
    assert [picture.get("alt") for picture in page.iter("img")] == [DRAWING.alt]
    assert len(list(page.iter("tr"))) == 2 * (ROWS_ON_A_PAGE + 2)


def test_pictures_and_pdf_are_the_same_bytes_each_time() -> None:
    first = to_png(DRAWING), make_pdf("a", "b", [DRAWING], [TABLE])
    with matplotlib.rc_context({"font.size": 30, "pdf.fonttype": 42}):
        assert (to_png(DRAWING), make_pdf("a", "b", [DRAWING], [TABLE])) == first
        assert matplotlib.rcParams["font.size"] == 30


def test_a_long_table_goes_on_on_the_next_page() -> None:
    pdf = make_pdf("a", "b", [DRAWING], [TABLE])
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 3
