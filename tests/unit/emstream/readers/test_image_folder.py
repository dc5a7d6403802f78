"""Folders of section images: every kind of pixel, order, warnings, and files that lie."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import (
    ColourImage,
    DamagedFile,
    EmptyInput,
    InputUnreadable,
    MixedSizes,
    TooLarge,
    UnsupportedFormat,
)
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey

RNG = np.random.default_rng(1)
SECTION = RNG.integers(0, 256, (40, 56), np.uint8)


def read(path: Path) -> Grey:
    """Return the whole stack (z, y, x)."""
    with open_stack(path) as stack:
        return np.concatenate([rows.values for rows in stack.blocks(0, stack.facts.shape_zyx[0])])


def png_claiming(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def save_sections(folder: Path, names: list[str]) -> None:
    for value, name in enumerate(names):
        Image.fromarray(np.full((5, 6), value, np.uint8)).save(folder / name)


def test_sections_come_in_natural_order_with_their_names(tmp_path: Path) -> None:
    save_sections(tmp_path, ["s10.png", "s2.png", "s1.jpg", "s3.tif"])
    with open_stack(tmp_path) as stack:
        assert stack.facts.names == ("s1.jpg", "s2.png", "s3.tif", "s10.png")
        assert [int(stack.sample(z)[0, 0]) for z in range(4)] == [2, 1, 3, 0]
        assert "missing: 4-9" in stack.facts.warnings[0]
        stack.close()
        stack.close()


def test_other_files_are_skipped_and_told(tmp_path: Path) -> None:
    save_sections(tmp_path, ["s1.png", "s2.png"])
    for name in (".hidden.png", "a.txt", "b.txt", "c.csv", "d.xml", "e.log"):
        (tmp_path / name).write_text("x")
    (tmp_path / "sub").mkdir()
    with open_stack(tmp_path) as stack:
        assert stack.facts.shape_zyx == (2, 5, 6)
        (sentence,) = stack.facts.warnings
    assert ".hidden.png" in sentence
    assert sentence.endswith("and 2 more.")


def test_sections_are_known_by_content_if_their_name_says_nothing(tmp_path: Path) -> None:
    Image.fromarray(SECTION).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "0001")
    Image.fromarray(SECTION).save(tmp_path / "b.png")
    (tmp_path / "b.png").rename(tmp_path / "0002.jpg")
    assert np.array_equal(read(tmp_path), np.stack([SECTION, SECTION]))


def test_a_palette_is_looked_up_and_its_indices_are_not_values(tmp_path: Path) -> None:
    indices = (SECTION // 64).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putdata(indices.reshape(-1).tolist())
    image.putpalette([250, 250, 250, 5, 5, 5, 90, 90, 90, 17, 17, 17])
    image.save(tmp_path / "p.png")
    assert np.array_equal(read(tmp_path / "p.png")[0], np.array([250, 5, 90, 17])[indices])


def test_a_transparent_palette_entry_is_black(tmp_path: Path) -> None:
    image = Image.fromarray((SECTION // 128).astype(np.uint8)).convert("P")
    image.putdata((SECTION // 128).reshape(-1).tolist())
    image.putpalette([200, 200, 200, 100, 100, 100])
    image.save(tmp_path / "p.png", transparency=0)
    assert np.array_equal(read(tmp_path / "p.png")[0], np.where(SECTION < 128, 0, 100))


def test_a_coloured_palette_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(SECTION).convert("P")
    image.putpalette([255, 0, 0] * 256)
    image.save(tmp_path / "p.png")
    with pytest.raises(ColourImage, match=r"p\.png"):
        read(tmp_path / "p.png")


def test_16_bit_png_keeps_its_values(tmp_path: Path) -> None:
    wide = RNG.integers(0, 65536, (40, 56)).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / "w.png")
    values = read(tmp_path / "w.png")
    assert values.dtype == np.uint16
    assert np.array_equal(values[0], wide)


def test_1_bit_png_becomes_0_and_255(tmp_path: Path) -> None:
    Image.fromarray(SECTION > 128).save(tmp_path / "b.png")
    assert np.array_equal(read(tmp_path / "b.png")[0], np.where(SECTION > 128, 255, 0))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped_but_transparent_pixels_are_black(tmp_path: Path, mode: str) -> None:
    alpha = np.full_like(SECTION, 128)
    alpha[:10] = 0
    image = Image.fromarray(SECTION).convert(mode)
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png")[0], np.where(alpha == 0, 0, SECTION))


def test_rgb_with_equal_channels_is_grey_and_the_rule_is_stated(tmp_path: Path) -> None:
    Image.fromarray(SECTION).convert("RGB").save(tmp_path / "g.png")
    with open_stack(tmp_path / "g.png") as stack:
        assert np.array_equal(stack.sample(0), SECTION)
        assert "99.9 %" in stack.facts.source


def test_a_grey_jpeg_stored_as_colour_is_grey(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(80), np.arange(90)).astype(np.uint8)
    Image.fromarray(smooth).convert("RGB").save(tmp_path / "g.jpg", quality=90)
    assert np.abs(read(tmp_path / "g.jpg")[0].astype(int) - smooth).max() < 12


def test_colour_pictures_are_refused(tmp_path: Path) -> None:
    colour = RNG.integers(0, 256, (40, 56, 3), np.uint8)
    Image.fromarray(colour).save(tmp_path / "c.png")
    with pytest.raises(ColourImage, match=r"c\.png is a colour picture"):
        read(tmp_path / "c.png")
    Image.fromarray(np.dstack([colour, colour[..., :1]]), mode="CMYK").save(tmp_path / "k.jpg")
    with pytest.raises(ColourImage, match="CMYK"):
        open_stack(tmp_path / "k.jpg")


def test_16_bit_colour_png_is_told_to_lose_bits(tmp_path: Path) -> None:
    content = bytearray(png_claiming(4, 2, bytes(2 * (1 + 4 * 6))))
    content[24:26] = bytes([16, 2])
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "w.png").write_bytes(content)
    with open_stack(tmp_path / "w.png") as stack:
        assert "8 bits" in stack.facts.warnings[0]
        assert not stack.sample(0).any()


def test_tiff_sections_are_read_with_their_voxel_size_and_inverted(tmp_path: Path) -> None:
    for name in ("a1.tif", "a2.tif"):
        tifffile.imwrite(
            tmp_path / name, SECTION, photometric="miniswhite", resolution=(2e6, 2e6), resolutionunit="CENTIMETER"
        )
    with open_stack(tmp_path) as stack:
        assert stack.facts.voxel_size_nm == (None, 5, 5)
    assert np.array_equal(read(tmp_path), 255 - np.stack([SECTION, SECTION]))


def test_sections_of_another_pixel_size_are_reported(tmp_path: Path) -> None:
    for name, per_cm in (("a1.tif", 2e6), ("a2.tif", 2.001e6), ("a3.tif", 1e6)):
        tifffile.imwrite(tmp_path / name, SECTION, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    with open_stack(tmp_path) as stack:
        assert stack.facts.voxel_size_nm == (None, 5, 5)
        [warning] = [text for text in stack.facts.warnings if "voxel size" in text]
    assert "a1.tif states 5 nm pixels" in warning
    assert "a3.tif 10 nm pixels" in warning


def test_exif_orientation_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(SECTION).save(tmp_path / "r.png", exif=exif)
    assert np.array_equal(read(tmp_path / "r.png")[0], SECTION)


def test_mixed_sizes_name_both_files(tmp_path: Path) -> None:
    save_sections(tmp_path, ["s1.png", "s2.png"])
    Image.fromarray(SECTION).save(tmp_path / "s3.png")
    with pytest.raises(MixedSizes, match=r"s1\.png has 6 x 5 pixels and s3\.png has 56 x 40"):
        open_stack(tmp_path)


def test_mixed_types_are_refused(tmp_path: Path) -> None:
    save_sections(tmp_path, ["s1.png"])
    Image.fromarray(np.zeros((5, 6), np.uint16)).save(tmp_path / "s2.png")
    with pytest.raises(UnsupportedFormat, match="uint16"):
        open_stack(tmp_path)


def test_a_section_of_160_megapixels_opens_without_a_warning(tmp_path: Path) -> None:
    """Pillow warns above 89 million pixels, and warnings are errors here."""
    Image.new("L", (16000, 10000), 7).save(tmp_path / "big.png", compress_level=1)
    with open_stack(tmp_path / "big.png") as stack:
        assert stack.facts.shape_zyx == (1, 10000, 16000)
        values = stack.sample(0)
    assert values.min() == values.max() == 7


@pytest.mark.parametrize("size", [(10**6, 10**6), (60000, 60000)])
def test_a_tiny_file_that_claims_a_huge_image_is_refused_before_decoding(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "bomb.png").write_bytes(png_claiming(*size, bytes(1000)))
    with pytest.raises(TooLarge, match=r"bomb\.png"):
        open_stack(tmp_path / "bomb.png")


def test_a_header_alone_that_claims_a_huge_image_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_claiming(10**6, 10**6)[:30])
    with pytest.raises(TooLarge, match="pixels"):
        open_stack(tmp_path / "bomb.png")


def test_a_constant_image_packed_as_small_as_deflate_can_is_not_refused(tmp_path: Path) -> None:
    Image.new("L", (4000, 4000)).save(tmp_path / "black.png", compress_level=9)
    assert not read(tmp_path / "black.png").any()


@pytest.mark.parametrize(("name", "keep"), [("t.png", 0.5), ("t.png", 0.01), ("t.jpg", 0.5), ("t.jpg", 0.02)])
def test_truncated_images_are_damaged(tmp_path: Path, name: str, keep: float) -> None:
    Image.fromarray(SECTION).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: max(20, int(len(content) * keep))])
    with pytest.raises(DamagedFile, match=name):
        read(tmp_path / name)


def test_damage_names_file_and_section(tmp_path: Path) -> None:
    for n in range(3):
        Image.fromarray(SECTION).save(tmp_path / f"s{n}.png")
    content = bytearray((tmp_path / "s1.png").read_bytes())
    content[400:500] = bytes(100)
    (tmp_path / "s1.png").write_bytes(content)
    with open_stack(tmp_path) as stack:
        stack.sample(0)
        with pytest.raises(DamagedFile, match=r"s1\.png \(section 2\)"):
            list(stack.blocks(0, 3))


def test_text_renamed_to_an_image_is_damaged(tmp_path: Path) -> None:
    save_sections(tmp_path, ["s1.png"])
    (tmp_path / "s2.png").write_text("no picture at all, only words " * 9)
    with pytest.raises(DamagedFile, match=r"s2\.png does not hold what its name says"):
        open_stack(tmp_path)


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    save_sections(tmp_path, ["s1.png", "s2.png"])
    with open_stack(tmp_path) as stack:
        (tmp_path / "s2.png").unlink()
        with pytest.raises(InputUnreadable, match=r"s2\.png"):
            stack.sample(1)


def test_a_tiff_stack_among_sections_is_refused_but_alone_it_is_the_stack(tmp_path: Path) -> None:
    volume: NDArray[np.uint8] = RNG.integers(0, 256, (4, 5, 6), np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", volume, photometric="minisblack")
    assert np.array_equal(read(tmp_path), volume)
    save_sections(tmp_path, ["s1.png"])
    with pytest.raises(UnsupportedFormat, match=r"stack\.tif is a TIFF stack of 4 sections"):
        open_stack(tmp_path)


def test_an_empty_folder_says_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(EmptyInput, match=r"notes\.txt"):
        open_stack(tmp_path)


def test_names_with_folders_of_windows_are_not_mixed_into_one_stack(tmp_path: Path) -> None:
    save_sections(tmp_path, ["cellA\\1.png", "cellB\\1.png"])
    with pytest.raises(UnsupportedFormat, match=r"Windows \(cellA, cellB\): they are several stacks"):
        open_stack(tmp_path)
