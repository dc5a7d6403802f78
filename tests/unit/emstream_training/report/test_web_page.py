"""The web page: well-formed, complete, and safe for any name."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

from emstream_training.report.pages import ROWS_ON_A_PAGE, make_page
from tests.unit.emstream_training.report.reports import DOCUMENT, DRAWING, TABLE


def page() -> ElementTree.Element:
    text = make_page(DOCUMENT, {"loss": b"png"})
    return ElementTree.fromstring(text.removeprefix("<!DOCTYPE html>"))


def test_the_page_is_well_formed_whatever_the_names() -> None:
    assert page().findtext("head/title") == "a & b"
    assert page().findtext("body/p") == "1 < 2"
    assert [picture.get("alt") for picture in page().iter("img")] == [DRAWING.alt]
    assert len(list(page().iter("tr"))) == 2 * (ROWS_ON_A_PAGE + 2)


def test_the_page_contains_its_pictures_between_the_tables() -> None:
    [picture] = page().iter("img")
    assert picture.get("src") == f"data:image/png;base64,{base64.b64encode(b'png').decode()}"
    assert [title.text for title in page().iter("h2")] == [TABLE.title, DRAWING.title, TABLE.title]
    assert page().findtext("body/figure/figcaption") == DRAWING.caption
