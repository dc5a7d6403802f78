"""Touching objects split in a job: two balls of one piece, across slabs, next to an object that stays whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan, Request
from emstream.volume.files import opened
from emstream_postprocess.objects.split_job import GROUP, groups_of, parts_path
from emstream_postprocess.objects.steps import number_objects
from tests.unit.emstream_postprocess.objects.test_steps import labels_of, plan_of, read_csv, write_results

SHAPE = (14, 30, 50)
REQUEST = Request(input="in", min_voxels=20, split_touching=True)


def two_balls_and_a_block() -> NDArray[np.uint8]:
    z, y, x = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    near = [9 * (z - 6) ** 2 + (y - 10) ** 2 + (x - middle) ** 2 <= 81 for middle in (12, 28)]
    mask = near[0] | near[1]
    mask[5:8, 22:28, 40:47] = True
    return np.where(mask, np.uint8(255), np.uint8(0))


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, Plan]:
    folder, plan = JobFolder(tmp_path_factory.mktemp("job")), plan_of(SHAPE, sections=6)
    write_results(folder, plan, two_balls_and_a_block())
    number_objects(folder, plan, REQUEST)
    return folder, plan


def test_the_balls_come_apart_and_the_block_stays(job: tuple[JobFolder, Plan]) -> None:
    labels = labels_of(*job)
    assert labels.max() == 3
    assert ((labels > 0) == (two_balls_and_a_block() > 0)).all()
    left, right, block = labels[6, 10, 8], labels[6, 10, 32], labels[6, 25, 43]
    assert sorted([left, right, block]) == [1, 2, 3]
    assert np.unique(labels[:, 22:28, 40:47][5:8]).tolist() == [block]


def test_parts_are_kept_by_the_number_of_their_whole(job: tuple[JobFolder, Plan]) -> None:
    folder, plan = job
    assert groups_of(folder, plan) == [("spots", 1)]
    with opened(parts_path(folder, plan, "spots", 1)) as file:
        assert list(file["cut"]) == ["1"]
        assert file["whole"][()].tolist() == [1, 1]
        assert file.attrs["left_whole"] == 0
        cut = file["cut/1"][()]
        sums = file["sums"][()]
    assert sums["voxels"].tolist() == np.bincount(cut.ravel())[1:].tolist()


def test_what_came_apart_is_no_object_itself(job: tuple[JobFolder, Plan]) -> None:
    folder, _ = job
    with opened(folder.divided_path) as file, opened(folder.joined_path) as joined:
        assert file["spots/numbers"][0] == 0
        assert file["spots/numbers"][1] == 0  # the two balls as one
        assert len(file["spots/sums"]) == 3
        assert file["spots/sums"]["voxels"].sum() == joined["spots/sums"]["voxels"].sum()
        numbers = [*file["spots/numbers"][2:].tolist(), *file["spots/parts/1"][()].tolist()]
    assert sorted(numbers) == [1, 2, 3]


def test_measured_volumes_are_those_of_the_labels(job: tuple[JobFolder, Plan]) -> None:
    voxels = [int(row["volume_voxels"]) for row in read_csv(job[0])]
    assert voxels == np.bincount(labels_of(*job).ravel())[1:].tolist()


def test_a_cut_counts_as_surface_of_both_sides(job: tuple[JobFolder, Plan], tmp_path: Path) -> None:
    folder, plan = JobFolder(tmp_path), job[1]
    write_results(folder, plan, two_balls_and_a_block())
    number_objects(folder, plan, REQUEST.model_copy(update={"split_touching": False}))
    apart, together = (sum(float(row["surface_area_um2"]) for row in read_csv(found)) for found in (job[0], folder))
    assert apart > together


def test_an_object_too_large_for_memory_is_left_whole_and_counted(
    job: tuple[JobFolder, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream_postprocess.objects.split_job.MOST_VOXELS", 1000)
    folder, plan = JobFolder(tmp_path), job[1]
    write_results(folder, plan, two_balls_and_a_block())
    number_objects(folder, plan, REQUEST)
    assert labels_of(folder, plan).max() == 2
    with opened(folder.divided_path) as file:
        assert file["spots"].attrs["left_whole"] == 1


def test_groups_are_looked_at_one_by_one_and_give_what_one_group_gives(
    job: tuple[JobFolder, Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert GROUP > 2
    monkeypatch.setattr("emstream_postprocess.objects.split_job.GROUP", 1)
    folder, plan = JobFolder(tmp_path), job[1]
    write_results(folder, plan, two_balls_and_a_block())
    number_objects(folder, plan, REQUEST)
    assert groups_of(folder, plan) == [("spots", 1), ("spots", 2)]
    assert (labels_of(folder, plan) == labels_of(*job)).all()
    assert read_csv(folder) == read_csv(job[0])
