"""Boxes of a volume read from its slabs' files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.geometry import Box
from emstream_postprocess.objects.blocks import read_region
from tests.unit.emstream_postprocess.objects.test_steps import plan_of, write_results

SHAPE = (7, 6, 8)
PROBABILITY = "spots/probability/s0"
Job = tuple[JobFolder, Plan, NDArray[np.uint8]]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Three slabs of three, three and one section."""
    folder, plan = JobFolder(tmp_path_factory.mktemp("job")), plan_of(SHAPE, sections=3)
    volume = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    write_results(folder, plan, volume)
    return folder, plan, volume


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    edges = [sorted(draw(st.tuples(st.integers(0, side), st.integers(0, side)))) for side in SHAPE]
    (z0, z1), (y0, y1), (x0, x1) = edges
    return Box((z0, y0, x0), (z1, y1, x1))


@settings(max_examples=40)
@given(box=boxes())
def test_any_box_is_that_of_the_volume(job: Job, box: Box) -> None:
    folder, plan, volume = job
    assert (read_region(folder.result, plan, PROBABILITY, box, np.uint8) == volume[box.slices]).all()


def test_a_missing_slab_reads_as_zeros(job: Job, tmp_path: Path) -> None:
    folder, plan, volume = job
    paths = [folder.result(0), tmp_path / "missing.h5", folder.result(2)]
    read = read_region(lambda slab: paths[slab], plan, PROBABILITY, Box((0, 0, 0), SHAPE), np.uint8)
    assert (read[:3] == volume[:3]).all()
    assert not read[3:6].any()
    assert (read[6] == volume[6]).all()


def test_labels_keep_their_large_numbers(job: Job, tmp_path: Path) -> None:
    _, plan, _ = job
    read = read_region(lambda slab: tmp_path / "none", plan, "spots/labels", Box((0, 0, 0), (1, 1, 1)), np.uint32)
    assert read.dtype == np.uint32
