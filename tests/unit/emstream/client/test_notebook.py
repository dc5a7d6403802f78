"""HTML of a notebook: escaped, and complete in itself."""

from __future__ import annotations

import base64

from emstream.client.replies import as_html


def test_texts_are_escaped() -> None:
    html = as_html("<job>", ["1 < 2", '"quoted"'], None)
    assert "&lt;job&gt;" in html
    assert "<li>1 &lt; 2</li><li>&quot;quoted&quot;</li>" in html
    assert "<img" not in html


def test_a_picture_is_inside() -> None:
    picture = b"\x89PNG"
    html = as_html("job", [], picture)
    assert f'src="data:image/png;base64,{base64.b64encode(picture).decode()}"' in html
    assert 'alt="job: ' in html
