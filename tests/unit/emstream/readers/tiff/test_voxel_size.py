"""Voxel sizes of ImageJ, OME and plain TIFF files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from emstream.readers.open_stack import open_stack
from emstream.readers.tiff.voxel_size import tiff_voxel_size
from emstream.volume.voxel_size import VoxelSize

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
    [("CENTIMETER", 1e6, (None, 10, 10)), ("INCH", 72, None), ("INCH", 300, None), ("NONE", 1, None)],
)
def test_plain_resolution_is_believed_only_if_it_is_no_printers(
    tmp_path: Path, unit: str, per_unit: float, expected: VoxelSize | None
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


@pytest.mark.parametrize("thickness", [{}, {"PhysicalSizeZ": 0}, {"PhysicalSizeZ": 1, "PhysicalSizeZUnit": "pixel"}])
def test_ome_without_a_thickness_leaves_it_unknown(tmp_path: Path, thickness: dict[str, object]) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 0.005, "PhysicalSizeY": 0.005} | thickness
    tifffile.imwrite(tmp_path / "v.ome.tif", VOLUME, ome=True, metadata=metadata)
    with open_stack(tmp_path / "v.ome.tif") as stack:
        assert stack.facts.voxel_size_nm == (None, 5, 5)


@pytest.mark.parametrize("spacing", [{}, {"spacing": 0}, {"spacing": 1, "zunit": "pixel"}])
def test_imagej_without_a_spacing_leaves_the_thickness_unknown(tmp_path: Path, spacing: dict[str, object]) -> None:
    metadata = {"unit": "nm", "axes": "ZYX"} | spacing
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, imagej=True, resolution=(0.2, 0.2), metadata=metadata)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.voxel_size_nm == (None, 5, 5)


def test_pixel_units_are_no_lengths() -> None:
    class Odd:
        is_ome = True
        ome_metadata = '<OME><Image><Pixels PhysicalSizeX="1" PhysicalSizeXUnit="pixel"/></Image></OME>'

    assert tiff_voxel_size(Odd(), None) is None


@pytest.mark.parametrize(("kind", "value"), [("I", 72), ("f", 72.0), ("2I", (0, 0)), ("s", "72")])
def test_resolutions_of_odd_types_do_not_refuse_a_file(tmp_path: Path, kind: str, value: Any) -> None:
    tags = [(code, kind, 1 if kind != "s" else 0, value, True) for code in (282, 283)]
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, extratags=tags, metadata=None)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.voxel_size_nm is None
        assert np.array_equal(stack.sample(2), VOLUME[2])


ZEISS = "0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 5.5 nm\r\n"
FEI = "[User]\r\nDate=1\r\n[Scan]\r\nPixelWidth=4e-09\r\nPixelHeight=5e-09\r\n"


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (34118, ZEISS, (None, 5.5, 5.5)),
        (34118, ZEISS.replace("5.5 nm", "5.5 pm"), None),
        (34118, "0\r\nAP_WD\r\nWD = 5.1 mm\r\n", None),
        (34682, FEI, (None, 5, 4)),
        (34680, FEI, (None, 5, 4)),
        (34680, "[User]\r\nDate=1\r\n", None),
    ],
)
def test_microscopes_state_the_pixel_size_in_their_own_tags(
    tmp_path: Path, code: int, text: str, expected: VoxelSize | None
) -> None:
    tifffile.imwrite(tmp_path / "v.tif", VOLUME, extratags=[(code, "s", 0, text, True)], metadata=None)
    with open_stack(tmp_path / "v.tif") as stack:
        assert stack.facts.voxel_size_nm == expected
