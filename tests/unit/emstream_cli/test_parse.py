"""Values of options written as text: what is read back, and the sentence for what is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.errors import UsageError, WrongVoxelSize
from emstream_cli.parse import (
    parse_compared,
    parse_region,
    parse_scale,
    parse_sections,
    parse_shape,
    parse_sizes,
    parse_voxel_size,
)

INDEX = st.integers(min_value=0, max_value=10**6)
LENGTH = st.floats(min_value=1e-3, max_value=1e5)


@given(z=LENGTH, y=LENGTH, x=LENGTH)
def test_a_voxel_size_is_read_back_as_it_was_written(z: float, y: float, x: float) -> None:
    assert parse_voxel_size(f"{z!r},{y!r},{x!r}") == (z, y, x)


@given(corners=st.lists(st.tuples(INDEX, INDEX), min_size=3, max_size=3))
def test_a_region_is_read_back_as_its_two_corners(corners: list[tuple[int, int]]) -> None:
    text = ",".join(f"{start}:{stop}" for start, stop in corners)
    starts, stops = zip(*corners, strict=True)
    assert parse_region(text) == (starts, stops)


@given(first=INDEX, stop=INDEX)
def test_a_range_of_sections_is_read_back(first: int, stop: int) -> None:
    assert parse_sections(f"{first}:{stop}") == (first, stop)


@given(shape=st.tuples(INDEX, INDEX, INDEX))
def test_a_shape_is_read_back(shape: tuple[int, int, int]) -> None:
    assert parse_shape(",".join(map(str, shape))) == shape


def test_nothing_given_is_nothing_asked_for() -> None:
    assert (parse_region(None), parse_sections(None)) == (None, None)
    assert parse_scale(None, None, None) == {"voxel_size_nm": None, "unequal_pixels": False}


def test_sizes_come_in_order_and_once() -> None:
    assert parse_sizes("4096,1024,4096") == (1024, 4096)


def test_a_name_given_twice_is_an_ensemble() -> None:
    files = parse_compared(["a=one.onnx", "b=two.onnx", "a=with=sign.onnx"])
    assert files == {"a": [Path("one.onnx"), Path("with=sign.onnx")], "b": [Path("two.onnx")]}


@pytest.mark.parametrize(
    ("parse", "text", "sentence"),
    [
        (parse_voxel_size, "5", "--voxel-size must be three numbers Z,Y,X in nanometres such as 50,5.5,5.5, got '5'"),
        (parse_voxel_size, "50,5,x", "--voxel-size must be three numbers Z,Y,X in nanometres"),
        (parse_voxel_size, "50,0,5", "--voxel-size must be three positive lengths below 1 mm, got '50,0,5'"),
        (parse_voxel_size, "50,nan,5", "--voxel-size must be three positive lengths below 1 mm"),
        (parse_voxel_size, "1e6,5,5", "--voxel-size must be three positive lengths below 1 mm"),
        (parse_region, "0:5,0:9", "--region must be three ranges of voxels Z:Z,Y:Y,X:X such as 0:5,1000:2024,0:1024"),
        (parse_region, "0:5,0:9,3", "got '0:5,0:9,3'"),
        (parse_region, "0:5,0:9,a:b", "--region must be three ranges"),
        (parse_sections, "1-3", "--z must be two numbers such as 0:10 for the first ten sections"),
        (parse_sections, "1:2:3", "got '1:2:3'"),
        (parse_shape, "8,1500", "--shape must be three whole numbers Z,Y,X such as 8,1500,1300, got '8,1500'"),
        (parse_shape, "8,1.5,3", "--shape must be three whole numbers"),
        (parse_sizes, "big", "--sizes must be whole numbers such as 1024,2048,4096, got 'big'"),
        (parse_sizes, "1024,63", "--sizes must be from 64 to 32768 pixels, got '1024,63'"),
        (parse_sizes, "32769", "--sizes must be from 64 to 32768 pixels"),
        (lambda text: parse_compared([text]), "a.onnx", "--compare must be NAME=FILE such as DeepEM3D=deepem3d.onnx"),
        (lambda text: parse_compared([text]), "=a.onnx", "got '=a.onnx'"),
        (lambda text: parse_compared([text]), "a=", "got 'a='"),
    ],
)
def test_what_cannot_be_read_gets_its_sentence(parse: Callable[[str], object], text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert sentence in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_scale_is_given_by_pixel_and_thickness_alike() -> None:
    assert parse_scale(None, "5.9", 40) == {"voxel_size_nm": (40, 5.9, 5.9), "unequal_pixels": False}
    assert parse_scale("40,5.9,5.9", None, None) == parse_scale(None, "5.9", 40)
    assert parse_scale(None, "5.9", None) == {"voxel_size_nm": (None, 5.9, 5.9), "unequal_pixels": False}
    assert parse_scale(None, None, 40) == {"voxel_size_nm": (40, None, None), "unequal_pixels": False}
    assert parse_scale(None, "5.5,30", 5.5) == {"voxel_size_nm": (5.5, 5.5, 30), "unequal_pixels": True}


def test_a_voxel_size_in_x_y_z_is_refused_with_the_way_out() -> None:
    with pytest.raises(WrongVoxelSize, match=r"give --pixel-size 5\.5 --section-thickness 30"):
        parse_scale("5.5,5.5,30", None, None)


@pytest.mark.parametrize(
    ("scale", "says"),
    [
        (("40,5,5", "5", None), "not both"),
        (("40,5,5", None, 40.0), "not both"),
        ((None, "wide", None), "--pixel-size must be a length"),
        ((None, "5,5,40", None), "--pixel-size must be a length"),
        ((None, "0", None), "--pixel-size must be a length"),
        ((None, "5", 0.0), "--section-thickness must be a length"),
        ((None, "5", float("nan")), "--section-thickness must be a length"),
    ],
)
def test_a_scale_that_is_none_is_refused(scale: tuple[str | None, str | None, float | None], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_scale(*scale)
