"""TIFF stacks: every layout reads back, and damage has its sentence."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from emstream.errors import DamagedFile, UnsupportedFormat
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import Grey

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


def test_more_images_in_a_file_are_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as tif:
        tif.write(VOLUME, metadata={"axes": "ZYX"})
        tif.write(VOLUME[:, :10, :10], metadata={"axes": "ZYX"})
    with open_stack(tmp_path / "two.ome.tif") as stack:
        assert stack.facts.shape_zyx == VOLUME.shape
        assert "1 more images" in stack.facts.warnings[0]


def test_pages_appended_one_by_one_are_sections(tmp_path: Path) -> None:
    for section in VOLUME:
        tifffile.imwrite(tmp_path / "v.tif", section, append=True)
    assert np.array_equal(read(tmp_path / "v.tif"), VOLUME)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.warnings == ()


def test_an_appended_page_of_another_size_is_no_section(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "v.tif", VOLUME[0])
    tifffile.imwrite(tmp_path / "v.tif", VOLUME[0, :20], append=True)
    with open_stack(tmp_path / "v.tif") as stack:
        assert "1 more images" in stack.facts.warnings[0]


def test_pages_are_read_where_the_ome_header_is_no_xml(tmp_path: Path) -> None:
    path = tmp_path / "v.ome.tif"
    tifffile.imwrite(path, VOLUME, metadata={"axes": "ZYX", "Name": "mouse AAAAA 3"})
    path.write_bytes(path.read_bytes().replace(b"AAAAA", b"A & B"))
    assert np.array_equal(read(path), VOLUME)
    with open_stack(path) as stack:
        assert "damaged OME header" in stack.facts.warnings[0]
        assert stack.facts.voxel_size_nm is None
