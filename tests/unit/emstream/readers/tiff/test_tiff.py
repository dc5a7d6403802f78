"""TIFF stacks: ImageJ, OME, BigTIFF, tiles, colours, voxel sizes and damage."""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from emstream.errors import ColourImage, DamagedFile, MixedSizes, TooLarge, UnsupportedFormat
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey
from emstream.readers.tiff.voxel_size import tiff_voxel_size

RNG = np.random.default_rng(2)
VOLUME = RNG.integers(0, 256, (6, 40, 56), np.uint8)
IMAGEJ: dict[str, Any] = {
    "imagej": True,
    "resolution": (200.0, 250.0),
    "metadata": {"unit": "um", "spacing": 0.03, "axes": "ZYX"},
}


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


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"metadata": None},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "tile": (32, 16)},
        {"compression": "zstd", "rowsperstrip": 7},
        {"tile": (16, 16)},
        {"photometric": "minisblack", "compression": "packbits", "metadata": None},
        IMAGEJ,
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib", "tile": (16, 16)},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_layout_reads_back(tmp_path: Path, options: dict[str, Any], dtype: type[np.generic]) -> None:
    volume = VOLUME.astype(dtype)
    tifffile.imwrite(tmp_path / "v.tif", volume, **{"photometric": "minisblack", **options})
    assert np.array_equal(read(tmp_path / "v.tif"), volume)


def test_imagej_voxel_size_comes_from_resolution_unit_and_spacing(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, **IMAGEJ)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.voxel_size_nm == pytest.approx((30, 4, 5))
        assert stack.facts.source.startswith("ImageJ TIFF v.tif, 6 sections")
        assert stack.facts.names[5] == "page 6"


@pytest.mark.parametrize(("unit", "nm"), [("micron", 1e3), ("nm", 1), (r"\u00B5m", 1e3), ("cm", 1e7)])
def test_imagej_units(tmp_path: Path, unit: str, nm: float) -> None:
    metadata = {"unit": unit, "spacing": 20 / nm, "axes": "ZYX"}
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, imagej=True, resolution=(nm / 8, nm / 8), metadata=metadata)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.voxel_size_nm == pytest.approx((20, 8, 8), rel=1e-3)


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [("CENTIMETER", 1e6, (0, 10, 10)), ("INCH", 72, None), ("INCH", 300, None), ("NONE", 1, None)],
)
def test_plain_resolution_is_believed_only_if_it_is_no_printers(
    tmp_path: Path, unit: str, per_unit: float, expected: tuple[float, float, float] | None
) -> None:
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, resolution=(per_unit, per_unit), resolutionunit=unit)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.voxel_size_nm == expected


def test_ome_voxel_size_with_units(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.006}
    metadata |= {"PhysicalSizeZ": 300, "PhysicalSizeZUnit": "Å"}
    tifffile.imwrite(tmp_path / "v.ome.tif", VOLUME, ome=True, metadata=metadata)
    with open_stack(tmp_path / "v.ome.tif") as stack:
        assert stack.facts.voxel_size_nm == pytest.approx((30, 6, 5))
        assert stack.facts.source.startswith("OME-TIFF")


def test_pixel_units_are_no_lengths() -> None:
    class Odd:
        is_ome = True
        ome_metadata = '<OME><Image><Pixels PhysicalSizeX="1" PhysicalSizeXUnit="pixel"/></Image></OME>'

    assert tiff_voxel_size(Odd(), None) is None


def test_an_imagej_stack_with_one_page_header_is_read_whole(tmp_path: Path) -> None:
    """ImageJ writes stacks beyond 4 GB so: one header, and all sections behind each other."""
    description = f"ImageJ=1.53t\nimages={len(VOLUME)}\nslices={len(VOLUME)}\nunit=nm\nspacing=25\n"
    path = tmp_path / "large.tif"
    tifffile.imwrite(
        path, VOLUME[0], description=description, metadata=None, resolution=(0.25, 0.25), photometric="minisblack"
    )
    with path.open("ab") as file:
        file.write(VOLUME[1:].tobytes())
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    assert np.array_equal(read(path), VOLUME)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DamagedFile, match="promises more sections"):
        open_stack(path)


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


def test_an_ome_header_that_names_another_file_is_refused_and_the_file_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.ome.tif"
    tifffile.imwrite(secret, VOLUME, ome=True)
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="56" SizeY="40" SizeC="1" SizeZ="2" SizeT="1">'
        '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        '<TiffData IFD="0" FirstZ="0" PlaneCount="1"><UUID FileName="v.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData IFD="0" FirstZ="1" PlaneCount="1"><UUID FileName="secret.ome.tif">urn:uuid:2</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "v.ome.tif", VOLUME[0], description=xml, metadata=None)
    with pytest.raises(UnsupportedFormat, match="other files"):
        open_stack(tmp_path / "v.ome.tif")


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": None},
        {},
        IMAGEJ,
        {"ome": True},
        {"compression": "zlib", "metadata": None},
        {"compression": "zlib", "tile": (16, 16)},
        {"bigtiff": True, "compression": "lzw"},
    ],
    ids=str,
)
@pytest.mark.parametrize("keep", [0.05, 0.4, 0.8, 0.995])
def test_truncated_files_are_damaged(tmp_path: Path, options: dict[str, Any], keep: float) -> None:
    path = tmp_path / "v.tif"
    with tifffile.TiffWriter(path, **{k: v for k, v in options.items() if k in ("bigtiff", "imagej", "ome")}) as tif:
        rest = {k: v for k, v in options.items() if k not in ("bigtiff", "imagej", "ome")}
        if options.get("metadata", 0) is None:
            for section in VOLUME:
                tif.write(section, photometric="minisblack", **rest)
        else:
            tif.write(VOLUME, photometric="minisblack", **rest)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    if keep > 0.99 and VOLUME.tobytes() in path.read_bytes():  # only headers behind the voxels are lost
        with contextlib.suppress(DamagedFile):
            assert np.array_equal(read(path), VOLUME)
        return
    with pytest.raises(DamagedFile, match=r"v\.tif"):
        read(path)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "jpeg"])
def test_damaged_pixels_name_the_section_or_decode_to_something(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, VOLUME, compression=compression, photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[2].dataoffsets[0], tif.pages[2].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + count] = bytes(255 - byte for byte in content[offset : offset + count])
    path.write_bytes(content)
    with open_stack(path) as stack:
        assert np.array_equal(stack.sample(1).shape, (40, 56))
        with pytest.raises(DamagedFile, match=r"section 3 \(page 3\)"):
            stack.sample(2)


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


def test_more_images_in_a_file_are_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as tif:
        tif.write(VOLUME, metadata={"axes": "ZYX"})
        tif.write(VOLUME[:, :10, :10], metadata={"axes": "ZYX"})
    with open_stack(tmp_path / "two.ome.tif") as stack:
        assert stack.facts.shape_zyx == VOLUME.shape
        assert "1 more images" in stack.facts.warnings[0]
