"""Pyramids halve by area means, however they are fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emstream.volume.files import created
from emstream.volume.pyramid import Pyramid, halve, resample


def test_a_pyramid_halves_by_area_mean(tmp_path: Path) -> None:
    plane = np.tile(np.array([[0, 100], [100, 200]], np.uint8), (400, 300))
    with created(tmp_path / "a.h5") as file:
        Pyramid.create(file, "p", (1, 800, 600)).write(0, plane)
        assert sorted(file["p"]) == ["s0", "s1"]
        assert (file["p/s1"][0] == 100).all()
    assert halve(np.array([[1]], np.uint8)).tolist() == [[1]]


@pytest.mark.parametrize("size", [(600, 700), (1024, 513), (1537, 1100)])
def test_reductions_of_a_stored_plane_are_those_of_the_plane(tmp_path: Path, size: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    with created(tmp_path / "a.h5") as file:
        stored = Pyramid.create(file, "x", (1, *size))
        stored.levels[0].write(0, plane)
        stored.put(0, stored.encode_reductions_of(0))
        whole = np.asarray(Image.fromarray(plane).reduce(2))
        for level in stored.levels[1:]:
            assert (level.read(0) == whole).all()
            whole = np.asarray(Image.fromarray(whole).reduce(2))


def test_resampling_keeps_flat_regions_and_shapes() -> None:
    flat = np.full((100, 70), 33, np.uint8)
    assert (resample(flat, (51, 200)) == 33).all()
    assert resample(flat, (51, 200), smooth=True).shape == (51, 200)
    assert resample(flat, (100, 70)) is flat


@pytest.mark.parametrize("size", [(10, 12), (512, 600), (1100, 700)])
def test_a_plane_given_in_strips_is_stored_as_one_given_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
    noted: list[tuple[int, int]] = []
    with created(tmp_path / "a.h5") as file:
        pyramid = Pyramid.create(file, "x", (2, *size), "zstd")
        pyramid.write(0, plane)
        pyramid.put(
            1,
            pyramid.encode_rows(
                lambda top, bottom: plane[top:bottom], lambda top, strip: noted.append((top, len(strip)))
            ),
        )
        for level in pyramid.levels:
            assert (level.read(1) == level.read(0)).all()
    assert noted == [(top, min(512, size[0] - top)) for top in range(0, size[0], 512)]


def test_reductions_alone_leave_the_stored_plane_as_it_is(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 255, (600, 520), dtype=np.uint8)
    with created(tmp_path / "a.h5") as file:
        pyramid = Pyramid.create(file, "x", (1, 600, 520), "zstd")
        pyramid.levels[0].write(0, plane)
        pyramid.put(0, pyramid.encode_reductions(plane))
        assert (pyramid.levels[0].read(0) == plane).all()
        assert (pyramid.levels[1].read(0) == halve(plane)).all()
        small = Pyramid.create(file, "y", (1, 9, 9), "zstd")
        assert small.encode_reductions(plane[:9, :9]) == []
