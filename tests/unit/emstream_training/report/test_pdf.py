"""The PDF: one page for each figure and table, and the same bytes each time."""

from __future__ import annotations

import re
from dataclasses import replace

import matplotlib

from emstream_training.report.pages import ROWS_ON_A_PAGE, WIDE_LETTERS, make_pdf
from tests.unit.emstream_training.report.reports import DOCUMENT, TABLE

SHORT = replace(DOCUMENT, tables=(TABLE,))


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_a_pdf_is_the_same_bytes_each_time() -> None:
    first = make_pdf(SHORT)
    with matplotlib.rc_context({"font.size": 30, "pdf.fonttype": 42}):
        assert make_pdf(SHORT) == first
    assert b"Date" not in first


def test_a_long_table_continues_on_the_next_page() -> None:
    assert pages_of(make_pdf(SHORT)) == 3  # the table has one row more than a page
    fitting = replace(TABLE, rows=TABLE.rows[:ROWS_ON_A_PAGE])
    assert pages_of(make_pdf(replace(SHORT, drawings=(), tables=(fitting,)))) == 1


def test_a_table_of_text_with_long_cells_is_written() -> None:
    text = replace(TABLE, rows=(("note", "word " * WIDE_LETTERS),), is_text=True)
    assert pages_of(make_pdf(replace(SHORT, drawings=(), tables=(text,)))) == 1
