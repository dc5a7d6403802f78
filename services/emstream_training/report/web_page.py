"""The report as a web page: one HTML file that contains its pictures, without scripts, for light and dark screens."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape

from emstream_training.report.drawing import Drawing
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
