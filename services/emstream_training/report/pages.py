"""The report as pages: one HTML file that contains its pictures, and a PDF."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from emstream_training.report.drawing import GREY, SIZE_IN, Drawing, own_style, paint
from emstream_training.report.tables import Document, Table

STYLE = """
:root { color-scheme: light dark; --text: #1c1c1c; --page: #ffffff; --quiet: #595959; --line: #d5d5d5; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e8; --page: #16181c; --quiet: #a9adb5; --line: #3d424b; }
}
body { max-width: 1100px; margin: 2rem auto; padding: 0 1rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; }
figure { margin: 0; }
img { width: 100%; height: auto; box-sizing: border-box; padding: 8px; background: #ffffff; border-radius: 6px;
  border: 1px solid var(--line); }
figcaption, .note { color: var(--quiet); max-width: 75ch; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.5rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child, .text th, .text td { text-align: left; }
td, .text th { white-space: nowrap; }
.text td:last-child { white-space: normal; overflow-wrap: anywhere; }
"""


def make_page(document: Document, pictures: Mapping[str, bytes]) -> str:
    """Return the page, which is well-formed XML, too. pictures: PNG by the key of its drawing."""
    title = escape(document.title)
    first, *others = document.tables
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}</h1><p>{escape(document.lead)}</p>",
        _table(first),
        *(_figure(drawing, pictures[drawing.key]) for drawing in document.drawings),
        *(_table(table) for table in others),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _figure(drawing: Drawing, png: bytes) -> str:
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return (
        f'<h2 id="{escape(drawing.key)}">{escape(drawing.title)}</h2>\n'
        f'<figure><img src="{source}" alt="{escape(drawing.alt)}"/>\n'
        f"<figcaption>{escape(drawing.caption)}</figcaption></figure>"
    )


def _table(table: Table) -> str:
    kind = "wide text" if table.is_text else "wide"
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.header)
    rows = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return (
        f'<h2>{escape(table.title)}</h2>\n<p class="note">{escape(table.caption)}</p>\n'
        f'<div class="{kind}"><table><thead><tr>{head}</tr></thead>\n<tbody>{rows}</tbody></table></div>'
    )


PAGE_IN = (11.69, 8.27)
"""Width and height of a page in inches."""
TITLE_IN, LINE_IN, MARGIN_IN = 0.8, 0.2, 0.5
"""Heights of a title and of a line, and width of the margins, in inches."""
CAPTION_LETTERS = 165
"""Maximum number of letters (9 points) on a line of a caption."""
ROWS_ON_A_PAGE = 24
"""Maximum number of rows of a table on a page."""
WIDE_LETTERS = 130
"""Maximum number of letters on a line of the widest column of a table of text."""


def make_pdf(document: Document) -> bytes:
    """Return the PDF: the first table with title and lead, the figures, the other tables."""
    content = io.BytesIO()
    metadata = {"Title": document.title, "Creator": "emstream", "CreationDate": None, "ModDate": None}
    with own_style(), PdfPages(content, metadata=metadata) as pages:
        for page in _pages(document):
            pages.savefig(page)
    return content.getvalue()


def _pages(document: Document) -> Iterator[Figure]:
    for number, page in enumerate(_contents(document), start=1):
        page.text(1 - MARGIN_IN / PAGE_IN[0], 0.03, str(number), ha="right", fontsize=8, color=GREY)
        page.text(MARGIN_IN / PAGE_IN[0], 0.03, document.title, fontsize=8, color=GREY)
        yield page


def _contents(document: Document) -> Iterator[Figure]:
    first, *others = document.tables
    yield from _table_pages(first, document.title, document.lead)
    for drawing in document.drawings:
        yield _figure_page(drawing)
    for table in others:
        yield from _table_pages(table, table.title, "")


def _figure_page(drawing: Drawing) -> Figure:
    page = Figure(figsize=PAGE_IN)
    (width, height), bottom = PAGE_IN, PAGE_IN[1] - TITLE_IN - SIZE_IN[1]
    paint(drawing, page, (MARGIN_IN / width, bottom / height, SIZE_IN[0] / width, SIZE_IN[1] / height))
    _write(page, drawing.title, 0.35, 15)
    _write(page, textwrap.fill(drawing.caption, CAPTION_LETTERS), TITLE_IN + SIZE_IN[1] + 0.1, 9)
    return page


def _table_pages(table: Table, title: str, lead: str) -> Iterator[Figure]:
    rows = [_broken(row) if table.is_text else row for row in table.rows]
    for start in range(0, len(rows), ROWS_ON_A_PAGE):
        page = Figure(figsize=PAGE_IN)
        _write(page, title if start == 0 else f"{title} (continued)", 0.35, 15)
        top = TITLE_IN + 0.2
        text = textwrap.fill(f"{lead} {table.caption}".strip(), CAPTION_LETTERS)
        _write(page, text, top, 9)
        _write_rows(page, table, rows[start : start + ROWS_ON_A_PAGE], top + LINE_IN * (text.count("\n") + 2.5))
        yield page


def _write_rows(page: Figure, table: Table, rows: Sequence[tuple[str, ...]], top_in: float) -> None:
    unit = (PAGE_IN[0] - 2 * MARGIN_IN) / sum(table.widths)
    lefts = [MARGIN_IN + unit * sum(table.widths[:k]) for k in range(len(table.widths))]
    y = top_in
    first, *others = table.header
    header = table.header if table.is_text else (first, *(cell.replace(" ", "\n") for cell in others))
    for number, row in enumerate([header, *rows]):
        for k, cell in enumerate(row):
            is_left = table.is_text or k == 0
            x = lefts[k] if is_left else lefts[k] + unit * table.widths[k]
            page.text(
                x / PAGE_IN[0],
                1 - y / PAGE_IN[1],
                cell,
                ha="left" if is_left else "right",
                va="top",
                fontsize=8,
                weight="bold" if number == 0 else "normal",
            )
        y += LINE_IN * (0.6 + max(cell.count("\n") + 1 for cell in row))


def _broken(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("\n".join(textwrap.wrap(cell, WIDE_LETTERS, break_on_hyphens=False)) for cell in row)


def _write(page: Figure, text: str, from_top_in: float, size: float) -> None:
    page.text(MARGIN_IN / PAGE_IN[0], 1 - from_top_in / PAGE_IN[1], text, va="top", fontsize=size, linespacing=1.4)
