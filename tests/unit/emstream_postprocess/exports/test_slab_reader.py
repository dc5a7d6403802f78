"""Strips read from slabs: across files, at every level, zeros where there is nothing, labels of the order only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.errors import JobFailed
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.phantom.finished_job import OBJECT, write_result
from emstream.phantom.sections import Phantom
from emstream.volume.files import created, opened
from emstream.volume.planes import Planes
from emstream.volume.pyramid import halve
from emstream_postprocess.exports.slab_reader import SlabReader, level_size

SHAPE = (5, 600, 70)
Job = tuple[JobFolder, Plan, SlabReader]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    return write_result(Phantom(SHAPE), tmp_path_factory.mktemp("jobs"), slab_sections=2)


@pytest.fixture
def job(written: JobFolder) -> Job:
    record = written.read_planned()
    assert record is not None
    return written, record.plan, SlabReader(written, record.plan)


def section(folder: JobFolder, plan: Plan, z: int, kind: str) -> NDArray[np.uint8]:
    """Read a whole section from its slab."""
    path = {"raw": folder.stack, "probability": folder.result}[kind](z // plan.slab_sections)
    dataset = {"raw": "raw/s0", "probability": f"{OBJECT}/probability/s0"}[kind]
    with opened(path) as file:
        plane: NDArray[np.uint8] = Planes.open(file, dataset).read(z % plan.slab_sections)
    return plane


def test_a_level_halves_each_side_rounding_up(job: Job) -> None:
    assert [level_size(job[1], level) for level in range(4)] == [(600, 70), (300, 35), (150, 18), (75, 9)]


@pytest.mark.parametrize("rows", [(0, 600), (500, 530), (599, 600)])
def test_strips_are_those_of_the_sections_whichever_slab_they_are_in(job: Job, rows: tuple[int, int]) -> None:
    folder, plan, reader = job
    with reader:
        for z in (4, 0, 1, 2, 0):
            assert (reader.raw(z, rows, 0) == section(folder, plan, z, "raw")[slice(*rows)]).all()
            found = reader.probability(OBJECT, z, rows, 0)
            assert (found == section(folder, plan, z, "probability")[slice(*rows)]).all()


def test_a_level_is_the_reduced_section_and_of_labels_every_second_pixel(job: Job) -> None:
    folder, plan, reader = job
    with reader:
        assert (reader.raw(3, (0, 300), 1) == halve(section(folder, plan, 3, "raw"))).all()
        whole = reader.labels(OBJECT, 3, (0, 600), 0)
        assert (reader.labels(OBJECT, 3, (0, 300), 1) == whole[::2, ::2]).all()
        assert (reader.labels(OBJECT, 3, (100, 150), 2) == whole[400:600:4, ::4]).all()


def test_what_could_not_be_read_or_stitched_is_zeros(job: Job, tmp_path: Path) -> None:
    _, plan, _ = job
    with SlabReader(JobFolder(tmp_path), plan) as reader:
        for strip in (reader.raw(0, (3, 9), 1), reader.probability(OBJECT, 0, (3, 9), 1)):
            assert (strip.shape, str(strip.dtype), int(strip.sum())) == ((6, 35), "uint8", 0)
        labels = reader.labels(OBJECT, 0, (3, 9), 1)
        assert (labels.shape, str(labels.dtype), int(labels.sum())) == ((6, 35), "uint32", 0)


def test_labels_of_other_choices_are_refused(job: Job, tmp_path: Path) -> None:
    folder, plan, _ = job
    with SlabReader(folder, plan, "other choices") as reader, pytest.raises(JobFailed, match="order them again"):
        reader.labels(OBJECT, 0, (0, 5), 0)
    half = JobFolder(tmp_path)
    half.result(0).parent.mkdir()
    with created(half.result(0)):
        pass
    with SlabReader(half, plan) as reader, pytest.raises(JobFailed, match="has no labels, or they are being made"):
        reader.labels(OBJECT, 0, (0, 5), 0)


def test_one_file_of_each_kind_is_open_at_a_time(job: Job) -> None:
    _, _, reader = job
    with reader:
        for z in range(SHAPE[0]):
            reader.raw(z, (0, 1), 0)
            reader.probability(OBJECT, z, (0, 1), 0)
        assert set(reader._open) == {"raw", "result"}
        assert [path.name for path, _, _ in reader._open.values()] == ["00002.h5"] * 2
    assert reader._open == {}
