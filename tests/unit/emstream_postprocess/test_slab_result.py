"""A unit of postprocess: its result is published once, its packages go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, PlannedJob, Request
from emstream.volume.files import created, opened, publishing
from emstream.volume.planes import Planes
from emstream_postprocess.slab_result import make_result
from tests.plans import make_plan

SHAPE = (2, 64, 64)


def job_with_a_package(path: Path, measure: bool = True) -> tuple[JobFolder, PlannedJob]:
    """Return a job of one slab whose only package says 200 in a corner and 0 elsewhere."""
    folder = JobFolder(path)
    plan = make_plan(SHAPE, sections=2)
    job = JobRecord(id="j", owner="o", request=Request(input="x", measure=measure, min_voxels=1)).with_plan(plan)
    with publishing(folder.probability(0)) as part, created(part) as file:
        planes = Planes.create(file, "spots/probability", SHAPE, "zstd-fast")
        for z in range(SHAPE[0]):
            section = np.zeros(SHAPE[1:], np.uint8)
            section[:8, :8] = 200
            planes.write(z, section)
    return folder, job


def test_a_slab_is_stitched_its_pieces_found_and_its_packages_deleted(tmp_path: Path) -> None:
    folder, job = job_with_a_package(tmp_path)
    make_result(folder, job, 0)
    with opened(folder.result(0)) as file:
        mask = Planes.open(file, "spots/mask").read(0)
    assert np.count_nonzero(mask == 255) == 64
    assert folder.pieces(0).exists()
    assert not folder.probability(0).exists()


def test_a_result_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    folder, job = job_with_a_package(tmp_path)
    make_result(folder, job, 0)
    before = folder.result(0).read_bytes()
    make_result(folder, job, 0)
    assert folder.result(0).read_bytes() == before


def test_objects_are_looked_for_only_where_the_request_says_so(tmp_path: Path) -> None:
    folder, job = job_with_a_package(tmp_path, measure=False)
    make_result(folder, job, 0)
    assert not folder.pieces(0).exists()


def test_a_check_that_raises_leaves_the_packages(tmp_path: Path) -> None:
    folder, job = job_with_a_package(tmp_path)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_result(folder, job, 0, stop)
    assert folder.probability(0).exists()
    assert not folder.result(0).exists()
