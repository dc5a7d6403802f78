"""Measurements against bodies whose volume, surface and length are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.volume.voxel_size import VoxelSize
from emstream_postprocess.objects.measure import Column, measure
from tests.unit.emstream_postprocess.objects.test_pieces import objects_of

Voxel = tuple[float, float, float]


def measured(mask: NDArray[np.bool_], voxel_nm: VoxelSize | None, is_outline: bool = False) -> dict[str, Column]:
    probability = np.where(mask, np.uint8(0 if is_outline else 255), np.uint8(255 if is_outline else 0))
    joined, _ = objects_of(probability, 5, 16, 1, is_outline)
    return {c.name: c for c in measure(joined.table, mask.shape, voxel_nm, is_outline, False)}


def ellipsoid(radii: Voxel, voxel: Voxel, offset: float = 0.0) -> NDArray[np.bool_]:
    """Voxels whose middle lies in the body; radii and voxel in one unit."""
    reach = [int(np.ceil(r / v)) + 2 for r, v in zip(radii, voxel, strict=True)]
    axes = [(np.arange(-n, n + 1) + offset) * v / r for n, r, v in zip(reach, radii, voxel, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.asarray(z * z + y * y + x * x <= 1)


@pytest.mark.parametrize("voxel", [(1000, 1000, 1000), (3000, 1000, 1000)])
@pytest.mark.parametrize("radius", [10, 14, 23.3])
@pytest.mark.parametrize("offset", [0.0, 0.31, 0.5])
def test_the_surface_of_a_ball_is_right_within_three_percent(voxel: Voxel, radius: float, offset: float) -> None:
    ball = ellipsoid((radius, radius, radius), (voxel[0] / 1000, 1, 1), offset)
    columns = measured(ball, voxel)
    area = columns["surface_area_um2"].values[0]
    assert area == pytest.approx(4 * np.pi * radius**2, rel=0.03)
    assert columns["volume_um3"].values[0] == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.03)
    assert columns["sphericity"].values[0] == pytest.approx(1, rel=0.04)
    assert columns["length_um"].values[0] == pytest.approx(2 * radius, rel=0.04)


def test_length_and_surface_of_an_oblong_body() -> None:
    columns = measured(ellipsoid((12, 15, 45), (3, 1, 1)), (3000, 1000, 1000))
    assert columns["length_um"].values[0] == pytest.approx(90, rel=0.02)
    p = 1.6075  # Thomsen's formula, right within 1.1 %
    area = 4 * np.pi * (((12 * 15) ** p + (12 * 45) ** p + (15 * 45) ** p) / 3) ** (1 / p)
    assert columns["surface_area_um2"].values[0] == pytest.approx(area, rel=0.04)


def test_profiles_have_area_and_perimeter() -> None:
    disc = ellipsoid((0.5, 30, 30), (1, 1, 1))
    disc = disc[[len(disc) // 2]]
    columns = measured(disc, (50.0, 1000, 1000), is_outline=True)
    assert columns["area_um2"].values[0] == pytest.approx(np.pi * 900, rel=0.02)
    assert columns["perimeter_um"].values[0] == pytest.approx(2 * np.pi * 30, rel=0.03)
    assert columns["length_um"].values[0] == pytest.approx(60, rel=0.02)
    assert columns["circularity"].values[0] == pytest.approx(1, rel=0.06)
    assert not columns["touches_border"].values[0]


@pytest.mark.parametrize("voxel", [(1000.0, 1000.0, 1000.0), (3000.0, 1000.0, 1000.0)])
@pytest.mark.parametrize("radius", [1, 1.5, 2, 3, 4, 6, 9, 15])
@pytest.mark.parametrize("flat", [1.0, 3.0])
def test_no_body_is_rounder_than_a_ball(voxel: Voxel, radius: float, flat: float) -> None:
    body = ellipsoid((radius, flat * radius, flat * radius), (voxel[0] / 1000, 1, 1), 0.2)
    columns = measured(body, voxel)
    sphericity, area = columns["sphericity"].values[0], columns["surface_area_um2"].values[0]
    assert np.isnan(sphericity) == np.isnan(area)
    assert not sphericity > 1


@pytest.mark.parametrize(("radius", "is_stated"), [(1, False), (1.5, False), (3, True), (8, True)])
def test_a_surface_is_stated_where_the_lattice_is_fine_enough(radius: float, is_stated: bool) -> None:
    columns = measured(ellipsoid((radius, radius, radius), (1, 1, 1), 0.2), (1000, 1000, 1000))
    area = columns["surface_area_um2"].values[0]
    assert area == pytest.approx(4 * np.pi * radius**2, rel=0.07) if is_stated else np.isnan(area)


def test_a_sheet_of_one_section_has_no_surface_however_wide() -> None:
    columns = measured(np.ones((1, 40, 40), bool), (50, 5, 5))
    assert np.isnan(columns["surface_area_um2"].values[0])
    assert columns["volume_um3"].values[0] == pytest.approx(40 * 40 * 50 * 25e-9)


@pytest.mark.parametrize(("radius", "is_stated"), [(0.6, False), (1, False), (3, True), (5, True), (13, True)])
def test_no_profile_is_rounder_than_a_disc(radius: float, is_stated: bool) -> None:
    disc = ellipsoid((0.5, radius, radius), (1, 1, 1), 0.1)
    columns = measured(disc[[len(disc) // 2]], (50.0, 1000, 1000), is_outline=True)
    circularity = columns["circularity"].values[0]
    assert 0.85 < circularity <= 1 if is_stated else np.isnan(circularity)


def test_places_and_borders() -> None:
    mask = np.zeros((6, 9, 9), bool)
    mask[2:4, 3:6, 2:5] = True
    mask[5, 8, 8] = True
    columns = measured(mask, None)
    assert "volume_um3" not in columns
    assert [columns[f"centroid_{axis}"].values[0] for axis in "zyx"] == [3, 4.5, 3.5]
    assert [columns[f"box_{edge}"].values[0] for edge in ("z0", "z1", "y0", "y1", "x0", "x1")] == [2, 4, 3, 6, 2, 5]
    assert columns["touches_border"].values.tolist() == [False, True]
    assert columns["mean_probability"].values.tolist() == [1, 1]
    assert columns["uncertainty"].values.tolist() == [0, 0]


def test_no_objects_make_empty_columns() -> None:
    columns = measured(np.zeros((3, 4, 5), bool), (50, 5, 5))
    assert {len(c.values) for c in columns.values()} == {0}


def test_without_a_section_thickness_bodies_have_areas_alone() -> None:
    mask = ellipsoid((4, 8, 8), (1, 1, 1))
    columns = measured(mask, (None, 10, 20))
    assert columns["section_area_um2"].values == pytest.approx([np.count_nonzero(mask) * 0.01 * 0.02])
    assert not {"volume_um3", "surface_area_um2", "length_um", "sphericity"} & set(columns)


def test_profiles_need_no_section_thickness() -> None:
    mask = ellipsoid((1, 8, 8), (1, 1, 1))
    with_thickness, without = (measured(mask, (z, 10, 20), is_outline=True) for z in (50, None))
    for name in ("area_um2", "perimeter_um", "length_um", "circularity"):
        assert np.array_equal(with_thickness[name].values, without[name].values, equal_nan=True)
