"""Guards around format libraries."""

from __future__ import annotations

import pytest

from emstream.errors import DamagedFile, MixedSizes, TooLarge
from emstream.readers.limits import DEFLATE_RATIO, SECTION_PIXELS, SECTIONS, check_claim, check_depth, decoding


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (-1, 5)])
def test_sections_without_pixels_are_damaged(width: int, height: int) -> None:
    with pytest.raises(DamagedFile, match=f"a.png claims sections of {width} x {height} pixels"):
        check_claim("a.png", width, height, 0, 100, DEFLATE_RATIO)


def test_a_section_up_to_the_limit_passes_and_one_beyond_is_too_large() -> None:
    side = 65536
    check_claim("a.png", side, side, 10, 10, 1)
    with pytest.raises(TooLarge, match=f"at most {SECTION_PIXELS} pixels are read"):
        check_claim("a.png", side + 1, side, 10, 10, 1)


def test_more_bytes_than_a_codec_can_make_are_refused() -> None:
    check_claim("a.png", 10, 10, DEFLATE_RATIO * 3, 3, DEFLATE_RATIO)
    with pytest.raises(TooLarge, match="holds only 3 bytes"):
        check_claim("a.png", 10, 10, DEFLATE_RATIO * 3 + 1, 3, DEFLATE_RATIO)
    check_claim("a.png", 10, 10, DEFLATE_RATIO, 0, DEFLATE_RATIO)


def test_too_many_sections_are_refused() -> None:
    check_depth("a.h5", SECTIONS)
    with pytest.raises(TooLarge, match="claims 1000001 sections"):
        check_depth("a.h5", SECTIONS + 1)


@pytest.mark.parametrize("error", [IndexError("list\nindex"), SyntaxError("broken"), RuntimeError()])
def test_whatever_a_decoder_raises_is_damage_of_the_named_file(error: Exception) -> None:
    reason = " ".join(str(error).split()) or "RuntimeError"
    with pytest.raises(DamagedFile, match=rf"a.tif cannot be decoded \({reason}\)"), decoding("a.tif"):
        raise error


def test_emstreams_own_errors_and_a_lack_of_memory_pass() -> None:
    for error in (MixedSizes("two sizes"), MemoryError()):
        with pytest.raises(type(error)), decoding("a.tif"):
            raise error
