"""Jobs and results in a notebook: a few lines, and the picture of a section with its masks."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape


def as_html(title: str, lines: Sequence[str], picture: bytes | None) -> str:
    """Return a title, lines, and a PNG as HTML that needs nothing else."""
    shown = "".join(f"<li>{escape(line)}</li>" for line in lines)
    image = ""
    if picture is not None:
        source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        image = f'<img alt="{escape(title)}: a section with its masks" style="max-width:100%" src="{source}">'
    return f"<div><strong>{escape(title)}</strong><ul>{shown}</ul>{image}</div>"
