"""The plan: which checkpoints a voxel size leads to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emstream.jobs.record import Request
from emstream.models.recipes import ThinSections, choose
from emstream.readers.open_stack import open_stack
from emstream_preprocess.plan import make_plan
from tests.integration.conftest import noise_stack, write_pngs


def test_thin_sections_are_given_to_the_networks_for_them(tmp_path: Path) -> None:
    [choice], [other] = (choose([name], "fast") for name in ("mitochondria", "membranes"))
    thin = ThinSections(below_nm=15, checkpoints=("other",), threshold=0.9)
    choice = replace(choice, recipe=choice.recipe.model_copy(update={"thin": thin}), thin_checkpoints=other.checkpoints)
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
