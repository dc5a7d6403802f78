"""PNG and JPEG files: header and pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emstream.errors import ColourImage, DamagedFile, TooLarge
from emstream.readers.images import decode_image, read_image_header
from emstream.readers.stack import Grey


def saved(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.uint8),
        (np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000, np.uint16),
    ],
)
def test_grey_pngs_keep_their_values_and_type(tmp_path: Path, values: Grey, dtype: type[np.generic]) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(values))
    header = read_image_header(path)
    assert (header.size_yx, header.dtype, header.is_colour) == ((3, 4), np.dtype(dtype), False)
    found = decode_image(path, "a.png")
    assert found.dtype == dtype
    assert (found == values).all()


def test_1_bit_pngs_are_black_and_white(tmp_path: Path) -> None:
    values = np.array([[True, False], [False, True]])
    path = saved(tmp_path / "a.png", Image.fromarray(values))
    assert decode_image(path, "a").tolist() == [[255, 0], [0, 255]]


def test_grey_colours_are_read_as_grey_and_others_are_refused(tmp_path: Path) -> None:
    grey = np.repeat(np.arange(12, dtype=np.uint8).reshape(3, 4, 1), 3, axis=2)
    path = saved(tmp_path / "a.png", Image.fromarray(grey))
    assert read_image_header(path).is_colour
    assert (decode_image(path, "a") == grey[..., 0]).all()
    grey[..., 0] = 255
    with pytest.raises(ColourImage):
        decode_image(saved(tmp_path / "b.png", Image.fromarray(grey)), "b")


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    pixels = np.full((2, 2, 2), 90, np.uint8)
    pixels[0, 0, 1] = 0
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    assert decode_image(path, "a").tolist() == [[0, 90], [90, 90]]


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (4, 3), 77).save(file, "JPEG")
    path = tmp_path / "a.png"
    path.write_bytes(file.getvalue())
    assert read_image_header(path).size_yx == (3, 4)
    assert (decode_image(path, "a") == 77).all()


def test_a_truncated_image_is_damaged(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(values))
    path.write_bytes(path.read_bytes()[:1500])
    read_image_header(path)
    with pytest.raises(DamagedFile, match="section 3 cannot be decoded"):
        decode_image(path, "section 3")


def test_a_header_that_claims_more_than_its_bytes_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("L", (4, 3)))
    content = bytearray(path.read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(content)
    with pytest.raises(TooLarge, match="claims 60000 x 60000 pixels"):
        read_image_header(path)


def test_colour_models_of_print_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", Image.new("CMYK", (4, 3)))
    with pytest.raises(ColourImage, match="CMYK"):
        read_image_header(path)
