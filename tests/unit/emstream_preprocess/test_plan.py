"""The plan: which checkpoints a voxel size leads to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from emstream.errors import WrongVoxelSize
from emstream.jobs.record import GivenVoxel, Request
from emstream.models.recipes import FineSampling, choose
from emstream.readers.open_stack import open_stack
from emstream.readers.stack import StackFacts
from emstream.volume.voxel_size import VoxelSize
from emstream_preprocess.plan import make_plan, voxel_size_of
from tests.integration.conftest import noise_stack, write_pngs


def test_thin_sections_are_given_to_the_networks_for_them(tmp_path: Path) -> None:
    [choice], [other] = (choose([name], "fast") for name in ("mitochondria", "membranes"))
    thin = FineSampling(below_nm=15, checkpoints=("other",), threshold=0.9)
    choice = replace(choice, recipe=choice.recipe.model_copy(update={"fine": thin}), fine_checkpoints=other.checkpoints)
    folder = write_pngs(tmp_path / "sections", noise_stack((2, 96, 96)))
    found = {}
    with open_stack(folder) as reader:
        for z in (None, 50.0, 5.0):
            request = Request(input=str(folder), voxel_size_nm=None if z is None else (z, 5.0, 5.0))
            plan = make_plan(reader, request, [choice])
            found[z] = [member.name for grid in plan.grids for member in grid.members], plan.thresholds["mitochondria"]
    usual = [c.header.name for c in choice.checkpoints], choice.recipe.threshold
    assert found[None] == found[50.0] == usual
    assert found[5.0] == ([c.header.name for c in other.checkpoints], 0.9)


@pytest.mark.parametrize(
    ("depth", "missing", "beginning"),
    [
        (6, [], None),
        (6, [2], "s2.png looks blank: nothing is found there"),
        (6, [2, 4], "s2.png, s4.png look blank"),
        (9, [1, 2, 3, 4, 5, 7], "s1.png, s2.png, s3.png, s4.png, s5.png and 1 more look blank"),
        (70, [0], "s0.png (of 64 that were looked at) looks blank"),
    ],
)
def test_blank_sections_are_told(tmp_path: Path, depth: int, missing: list[int], beginning: str | None) -> None:
    stack = noise_stack((depth, 32, 40))
    stack[missing] = 0
    folder = write_pngs(tmp_path / "sections", stack)
    with open_stack(folder) as reader:
        request = Request(input=str(folder), voxel_size_nm=(50, 5, 5))
        warnings = make_plan(reader, request, choose(["mitochondria"], "fast")).warnings
    assert [w.startswith(beginning or "?") for w in warnings if "blank" in w] == [True] * (beginning is not None)


@pytest.mark.parametrize(
    ("contrast", "stretch", "is_told"), [(1, False, False), (0.4, False, True), (0.4, True, False)]
)
def test_low_contrast_is_told_unless_it_is_stretched(
    tmp_path: Path, contrast: float, stretch: bool, is_told: bool
) -> None:
    stack = noise_stack((3, 64, 60))
    stack = np.rint((stack - 128.0) * contrast + 128).astype(np.uint8)
    folder = write_pngs(tmp_path / "sections", stack)
    request = Request(input=str(folder), voxel_size_nm=(50, 5, 5), contrast_stretch=stretch)
    with open_stack(folder) as reader:
        warnings = make_plan(reader, request, choose(["mitochondria"], "fast")).warnings
    assert any("of 256 levels" in warning for warning in warnings) == is_told


@pytest.mark.parametrize(
    ("given", "own", "size", "origin"),
    [
        (None, (40, 4, 4), (40, 4, 4), "read from the input"),
        (None, (None, 4, 4), (None, 4, 4), "read from the input"),
        (None, None, None, "not known"),
        ((30, 5, 5), (40, 4, 4), (30, 5, 5), "given by the user"),
        ((None, 5, 5), None, (None, 5, 5), "given by the user"),
        ((30, None, None), (None, 4, 4), (30, 4, 4), "pixel size read from the input, section thickness given by"),
        ((None, 5, 5), (40, 4, 4), (40, 5, 5), "pixel size given by the user, section thickness read from the input"),
    ],
)
def test_what_the_user_leaves_open_is_the_input_s_own(
    given: GivenVoxel | None, own: VoxelSize | None, size: VoxelSize | None, origin: str
) -> None:
    facts = StackFacts((2, 8, 8), np.dtype(np.uint8), voxel_size_nm=own)
    found, words = voxel_size_of(Request(input="s", voxel_size_nm=given), facts)
    assert found == size
    assert words.startswith(origin)


def test_a_thickness_without_a_pixel_size_asks_for_it() -> None:
    facts = StackFacts((2, 8, 8), np.dtype(np.uint8))
    with pytest.raises(WrongVoxelSize, match="give --pixel-size"):
        voxel_size_of(Request(input="s", voxel_size_nm=(40, None, None)), facts)


def test_unequal_pixels_are_refused_until_they_are_confirmed() -> None:
    facts = StackFacts((2, 8, 8), np.dtype(np.uint8), voxel_size_nm=(4, 4, 40))
    with pytest.raises(WrongVoxelSize, match="4 nm pixels, 40 nm sections, give --pixel-size 4 --section-thickness 40"):
        voxel_size_of(Request(input="s"), facts)
    assert voxel_size_of(Request(input="s", unequal_pixels=True), facts)[0] == (4, 4, 40)
    assert voxel_size_of(Request(input="s", voxel_size_nm=(40, 4, 4)), facts)[0] == (40, 4, 4)


def test_an_unknown_thickness_is_asked_for_and_what_networks_saw_is_named(tmp_path: Path) -> None:
    folder = write_pngs(tmp_path / "sections", noise_stack((2, 96, 96)))
    request = Request(input=str(folder), voxel_size_nm=(None, 5.5, 5.5))
    with open_stack(folder) as reader:
        plan = make_plan(reader, request, choose(["mitochondria"], "balanced"))
        assert make_plan(reader, request, choose(["mitochondria"], "fast"), is_sized=False).voxel_size_nm is None
    assert plan.voxel_size_nm == (None, 5.5, 5.5)
    [warning] = [text for text in plan.warnings if "section thickness" in text]
    assert "--section-thickness" in warning
    several = [c for g in plan.grids for c in g.members if c.sections > 1]
    assert all(member.name in warning for member in several)


@pytest.mark.parametrize(("shape", "is_asked"), [((40, 64, 16), True), ((40, 16, 64), True), ((40, 64, 64), False)])
def test_the_order_of_the_axes_is_asked_where_sections_are_narrow(
    tmp_path: Path, shape: tuple[int, int, int], is_asked: bool
) -> None:
    tifffile.imwrite(tmp_path / "v.tif", np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    with open_stack(tmp_path / "v.tif") as reader:
        plan = make_plan(reader, Request(input="v.tif"), choose(["mitochondria"], "fast"))
    assert any("are the axes z, y, x?" in warning for warning in plan.warnings) is is_asked
