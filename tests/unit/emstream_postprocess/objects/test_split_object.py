"""Touching bodies come apart where they are narrow; one body stays one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream_postprocess.objects.split_job import split


def balls(*middles: tuple[float, float, float], radius: float = 12, voxel_z: float = 1) -> NDArray[np.bool_]:
    shape = (round(60 / voxel_z), 60, 100)
    z, y, x = np.meshgrid(*(np.arange(n) * v for n, v in zip(shape, (voxel_z, 1, 1), strict=True)), indexing="ij")
    inside = [(z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= radius**2 for a, b, c in middles]
    return np.asarray(np.logical_or.reduce(inside))


@pytest.mark.parametrize("voxel_z", [1, 3])
def test_touching_balls_come_apart_in_the_middle(voxel_z: float) -> None:
    mask = balls((30, 30, 30), (30, 30, 52), voxel_z=voxel_z)
    parts, count = split(mask, (voxel_z, 1, 1), 20)
    assert count == 2
    assert ((parts > 0) == mask).all()
    sizes = np.bincount(parts.ravel())[1:]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)
    assert parts[:, :, :40].max() == 1


@pytest.mark.parametrize("middles", [[(30, 30, 30)], [(30, 30, 30), (30, 30, 40)], [(30, 30, 30), (30, 34, 35)]])
def test_a_body_without_a_narrow_neck_stays_one(middles: list[tuple[float, float, float]]) -> None:
    _, count = split(balls(*middles), (1, 1, 1), 20)
    assert count == 1


def test_a_rod_and_a_speck_stay_one() -> None:
    mask = np.zeros((20, 20, 90), bool)
    mask[6:14, 6:14, 5:80] = True
    mask[14:16, 9:11, 40:42] = True
    _, count = split(mask, (3, 1, 1), 30)
    assert count == 1


def test_parts_are_numbered_by_first_voxel() -> None:
    parts, count = split(balls((30, 30, 75), (30, 30, 52), (30, 30, 29)), (1, 1, 1), 20)
    assert count == 3
    first = [int(np.flatnonzero(parts == k)[0]) for k in (1, 2, 3)]
    assert first == sorted(first)
