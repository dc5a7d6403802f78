"""Pictures written strip by strip open as what was written, whatever the strips."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from emstream_postprocess.exports.png_file import write_png


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    strip=st.integers(1, 17),
    kind=st.sampled_from(["grey", "colour", "deep"]),
)
def test_a_picture_opens_as_what_was_written(height: int, width: int, strip: int, kind: str) -> None:
    random = np.random.default_rng(height * 41 + width)
    shape = (height, width, 3) if kind == "colour" else (height, width)
    whole = random.integers(0, 65535, shape).astype(np.uint16 if kind == "deep" else np.uint8)
    file = io.BytesIO()
    write_png(file, (whole[y : y + strip] for y in range(0, height, strip)), (height, width), (5.5, 11))
    picture = Image.open(io.BytesIO(file.getvalue()))
    picture.load()
    assert (np.asarray(picture) == whole).all()
    assert picture.info["dpi"] == pytest.approx((25.4e6 / 11, 25.4e6 / 5.5), rel=1e-3)
