"""Layout of TIFF stacks: axes, colours, types and sizes of their pages."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from emstream.errors import ColourImage, MixedSizes, TooLarge, UnsupportedFormat
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey

RNG = np.random.default_rng(2)
VOLUME = RNG.integers(0, 256, (6, 40, 56), np.uint8)


@pytest.fixture(autouse=True)
def nothing_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """tifffile logs what it finds odd; none of it may reach the user."""
    with caplog.at_level(logging.DEBUG, "tifffile"):
        yield
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def read(path: Path) -> Grey:
    with open_stack(path) as stack:
        values = np.concatenate([rows.values for rows in stack.blocks(0, stack.facts.shape_zyx[0])])
        assert values.shape == stack.facts.shape_zyx
        assert values.dtype == stack.facts.dtype
        return values


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int8])
def test_miniswhite_is_inverted(tmp_path: Path, dtype: type[np.integer], compression: str | None) -> None:
    volume = (VOLUME.astype(int) + np.iinfo(dtype).min).astype(dtype)
    tifffile.imwrite(tmp_path / "v.tif", volume, photometric="miniswhite", compression=compression)
    limits = np.iinfo(dtype)
    assert np.array_equal(read(tmp_path / "v.tif"), (limits.max + limits.min - volume.astype(int)).astype(dtype))
    with open_stack(tmp_path / "v.tif") as stack:
        assert "inverted" in stack.facts.source


@pytest.mark.parametrize(("photometric", "white"), [("minisblack", 255), ("miniswhite", 0)])
def test_1_bit_pages_become_0_and_255(tmp_path: Path, photometric: str, white: int) -> None:
    tifffile.imwrite(tmp_path / "b.tif", VOLUME > 128, photometric=photometric)
    assert np.array_equal(read(tmp_path / "b.tif"), np.where(VOLUME > 128, white, 255 - white))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    table = RNG.permutation(256).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "p.tif", VOLUME, photometric="palette", colormap=np.stack([table] * 3))
    assert np.array_equal(read(tmp_path / "p.tif"), (table // 257)[VOLUME])


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_rgb_with_equal_channels_is_grey(tmp_path: Path, planarconfig: str, compression: str | None) -> None:
    axis = -1 if planarconfig == "contig" else 1
    tifffile.imwrite(
        tmp_path / "c.tif",
        np.stack([VOLUME] * 3, axis=axis),
        photometric="rgb",
        planarconfig=planarconfig,
        compression=compression,
    )
    assert np.array_equal(read(tmp_path / "c.tif"), VOLUME)


def test_colour_is_refused_when_decoded(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "c.tif", RNG.integers(0, 256, (3, 40, 56, 3), np.uint8), photometric="rgb")
    with pytest.raises(ColourImage, match=r"c\.tif: section 1 \(page 1\)"):
        read(tmp_path / "c.tif")


def test_alpha_is_dropped_but_transparent_pixels_are_black(tmp_path: Path) -> None:
    alpha = np.where(VOLUME < 50, 0, 200).astype(np.uint8)
    pixels = np.stack([VOLUME, VOLUME, VOLUME, alpha], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read(tmp_path / "a.tif"), np.where(alpha == 0, 0, VOLUME))


@pytest.mark.parametrize(
    ("axes", "words"), [("CYX", "6 channels"), ("TYX", "6 time points"), ("ZCYX", "2 z planes, 3 channels")]
)
def test_channels_and_time_points_are_refused(tmp_path: Path, axes: str, words: str) -> None:
    volume = VOLUME if len(axes) == 3 else VOLUME.reshape(2, 3, 40, 56)
    tifffile.imwrite(tmp_path / "v.tif", volume, imagej=True, metadata={"axes": axes, "mode": "grayscale"})
    with pytest.raises(UnsupportedFormat, match=words):
        open_stack(tmp_path / "v.tif")


def test_axes_of_length_1_do_not_matter(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", VOLUME[np.newaxis, :, np.newaxis], ome=True, metadata={"axes": "TZCYX"})
    assert np.array_equal(read(tmp_path / "v.tif"), VOLUME)


def test_unusable_pixel_types_are_refused(tmp_path: Path) -> None:
    for dtype in (np.complex64, np.uint64):
        tifffile.imwrite(tmp_path / "v.tif", VOLUME.astype(dtype))
        with pytest.raises(UnsupportedFormat, match=r"complex64|uint64"):
            open_stack(tmp_path / "v.tif")


def test_pages_of_two_sizes_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "m.tif") as tif:
        tif.write(VOLUME[0], metadata=None)
        tif.write(VOLUME[1, :20], metadata=None)
    with pytest.raises(MixedSizes, match=r"page 1 has 56 x 40 pixels and page 2 has 56 x 20"):
        open_stack(tmp_path / "m.tif")


def test_a_header_that_claims_more_than_its_bytes_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", metadata=None)
    content = path.read_bytes()
    for tag in (256, 257, 278):
        at = content.index(struct.pack("<HH", tag, 4))
        content = content[: at + 8] + struct.pack("<I", 50_000) + content[at + 12 :]
    path.write_bytes(content)
    with pytest.raises(TooLarge, match=r"bomb\.tif claims 50000 x 50000 pixels"):
        open_stack(path)


def test_a_tile_that_claims_more_than_its_bytes_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((64, 64), np.uint8), compression="zlib", metadata=None, tile=(64, 64))
    content = path.read_bytes()
    for tag in (322, 323):
        at = content.index(struct.pack("<HH", tag, 4))
        content = content[: at + 8] + struct.pack("<I", 65536) + content[at + 12 :]
    path.write_bytes(content)
    with pytest.raises(TooLarge, match="65536"):
        open_stack(path)


def test_a_palette_of_8_bits_is_read_as_libtiff_does(tmp_path: Path) -> None:
    table = RNG.permutation(256).astype(np.uint16)
    for section in VOLUME:
        tifffile.imwrite(
            tmp_path / "p.tif",
            section,
            append=True,
            metadata=None,
            photometric="palette",
            colormap=np.stack([table] * 3),
        )
    assert np.array_equal(read(tmp_path / "p.tif"), table[VOLUME])


@pytest.mark.parametrize("planes", [3, 4])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_planes_that_differ_are_sections(
    tmp_path: Path, planes: int, compression: str | None, dtype: type[np.generic]
) -> None:
    volume = (VOLUME[:planes].astype(int) * (257 if dtype is np.uint16 else 1)).astype(dtype)
    alpha = {} if planes == 3 else {"extrasamples": ["unassalpha"]}
    tifffile.imwrite(
        tmp_path / "v.tif", volume, photometric="rgb", planarconfig="separate", compression=compression, **alpha
    )
    assert np.array_equal(read(tmp_path / "v.tif"), volume)
    with open_stack(tmp_path / "v.tif") as stack:
        assert f"read as {planes} sections" in stack.facts.warnings[0]


def test_planes_that_agree_are_one_section(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "v.tif", np.stack([VOLUME[0]] * 3), photometric="rgb", planarconfig="separate", metadata=None
    )
    assert np.array_equal(read(tmp_path / "v.tif"), VOLUME[:1])


@pytest.mark.parametrize(("axes", "words"), [("CYX", "12 channels"), ("TYX", "12 time points")])
def test_many_channels_are_sections(tmp_path: Path, axes: str, words: str) -> None:
    volume = np.concatenate([VOLUME, VOLUME])
    tifffile.imwrite(tmp_path / "v.tif", volume, imagej=True, metadata={"axes": axes})
    assert np.array_equal(read(tmp_path / "v.tif"), volume)
    with open_stack(tmp_path / "v.tif") as stack:
        assert f"{words} and no z" in stack.facts.warnings[0]
