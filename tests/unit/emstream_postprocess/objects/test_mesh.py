"""Surfaces of objects: closed, where the object is, of its volume, and made or refused by the marks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import trimesh

from emstream.errors import VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import failed_mark, mesh_path, wanted_mark
from emstream.jobs.record import Plan
from emstream.volume.geometry import Box
from emstream.volume.voxel_size import VoxelSize
from emstream_postprocess.objects.mesh import box_of, export_surface, make_meshes, mesh_of, read_share
from emstream_postprocess.objects.steps import number_objects
from tests.unit.emstream_postprocess.objects.test_steps import REQUEST, plan_of, write_results

SHAPE = (6, 20, 24)
Job = tuple[JobFolder, Plan]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Object 1: a block of 4 x 8 x 10 voxels at (1, 3, 5), across two slabs; object 2: a rod on the volume's border."""
    folder, plan = JobFolder(tmp_path), plan_of(SHAPE, sections=3)
    volume = np.zeros(SHAPE, np.uint8)
    volume[1:5, 3:11, 5:15] = 255
    volume[2, 16, 18:24] = 255
    write_results(folder, plan, volume)
    number_objects(folder, plan, REQUEST)
    return folder, plan


def loaded(content: bytes, form: str = "stl") -> trimesh.Trimesh:
    mesh = trimesh.load_mesh(io.BytesIO(content), file_type=form)
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


def test_the_box_is_the_one_measured(job: Job) -> None:
    assert box_of(job[0], "spots", 1) == Box((1, 3, 5), (5, 11, 15))
    assert box_of(job[0], "spots", 2) == Box((2, 16, 18), (3, 17, 24))


def test_a_surface_is_closed_and_in_micrometres_where_the_object_is(job: Job) -> None:
    mesh = loaded(mesh_of(*job, "spots", 1, "stl"))
    assert mesh.is_watertight
    assert mesh.bounds[0] == pytest.approx([5 * 0.01, 3 * 0.01, 1 * 0.03], abs=1e-6)
    assert mesh.bounds[1] == pytest.approx([15 * 0.01, 11 * 0.01, 5 * 0.03], abs=1e-6)
    assert mesh.volume == pytest.approx(4 * 8 * 10 * 0.03 * 0.01 * 0.01, rel=0.1)  # positive: normals point outward


def test_the_volumes_border_closes_an_object_that_it_cuts(job: Job) -> None:
    mesh = loaded(mesh_of(*job, "spots", 2, "stl"))
    assert mesh.is_watertight
    assert mesh.bounds[1][0] == pytest.approx(24 * 0.01, abs=1e-6)


@pytest.mark.parametrize("size", [None, (None, 10, 10)], ids=["unknown", "thickness unknown"])
def test_without_a_voxel_size_the_unit_is_the_voxel(job: Job, size: VoxelSize | None) -> None:
    folder, plan = job
    mesh = loaded(mesh_of(folder, plan.model_copy(update={"voxel_size_nm": size}), "spots", 1, "stl"))
    assert mesh.bounds.tolist() == [[5, 3, 1], [15, 11, 5]]


@pytest.mark.parametrize("form", ["ply", "glb"])
def test_every_form_holds_the_same_surface(job: Job, form: str) -> None:
    expected = loaded(mesh_of(*job, "spots", 1, "stl"))
    found = loaded(mesh_of(*job, "spots", 1, form), form)  # type: ignore[arg-type]  # a parameter of the test
    assert found.volume == pytest.approx(expected.volume, rel=1e-5)


def test_large_objects_are_averaged_in_y_and_x_and_keep_their_volume(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box((1, 3, 5), (5, 11, 15))
    share = read_share(*job, "spots", 1, box, 3)
    assert share.shape == (4, 3, 4)
    assert share[0, 0].tolist() == pytest.approx([1, 1, 1, 1 / 3])  # the last cell reaches two voxels beyond
    assert share[0, 2, 0] == pytest.approx(2 / 3)
    monkeypatch.setattr("emstream_postprocess.objects.mesh.MOST_VOXELS", 100)
    mesh = loaded(mesh_of(*job, "spots", 1, "stl"))
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(4 * 8 * 10 * 0.03 * 0.01 * 0.01, rel=0.2)


def test_a_sheet_thinner_than_a_cell_still_has_a_surface() -> None:
    share = np.full((1, 3, 3), 0.2, np.float32)
    assert loaded(export_surface(share, (0, 0, 0), (1, 1, 1), 4, "stl")).is_watertight


def test_an_object_that_is_not_in_the_labels_is_refused(job: Job) -> None:
    folder, plan = job
    for slab in plan.slabs:
        folder.labels(slab.index).unlink()
    with pytest.raises(VolumeDamaged, match="object 1 of spots is not in the labels"):
        mesh_of(folder, plan, "spots", 1, "stl")


def test_wanted_surfaces_are_made_and_their_marks_removed(job: Job) -> None:
    folder, plan = job
    paths = [mesh_path(folder, "spots", label, "stl") for label in (1, 2)]
    paths[0].parent.mkdir(parents=True)
    for path in paths:
        wanted_mark(path).touch()
    checks: list[int] = []
    make_meshes(folder, plan, lambda: checks.append(0))
    assert sorted(path.name for path in paths[0].parent.iterdir()) == ["1.stl", "2.stl"]
    assert len(checks) == 2
    before = paths[0].stat().st_mtime_ns
    wanted_mark(paths[0]).touch()
    make_meshes(folder, plan, lambda: None)
    assert paths[0].stat().st_mtime_ns == before  # asked for twice, made once
    assert not wanted_mark(paths[0]).exists()


def test_a_surface_that_fails_leaves_its_sentence_and_no_mark(job: Job) -> None:
    folder, plan = job
    path = mesh_path(folder, "spots", 1, "ply")
    path.parent.mkdir(parents=True)
    wanted_mark(path).touch()
    for slab in plan.slabs:
        folder.labels(slab.index).unlink()
    make_meshes(folder, plan, lambda: None)
    assert "is not in the labels" in failed_mark(path).read_text()
    assert not path.exists()
    assert not wanted_mark(path).exists()
