"""Results of a job do not depend on its cuts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emstream.settings import Settings
from tests.integration.conftest import noise_stack, read_layer, run_job, whole_section, write_pngs

pytestmark = pytest.mark.slow(reason="predicts the same stack by many variants, tilings and batches")


def f32(**fields: object) -> Settings:
    return Settings.model_validate({"precision": "f32", "slab_sections": 8, "core_side": 256} | fields)


def difference(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.mark.parametrize("which", ["checkpoint_1fm", "checkpoint_3fm", "checkpoint_5fm_reduced"])
def test_tiled_equals_untiled(which: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    checkpoint: Path = request.getfixturevalue(which)
    stack = noise_stack((3, 1300, 1100))
    run_job(write_pngs(tmp_path / "in", stack), tmp_path, [checkpoint])
    found = read_layer(tmp_path)
    assert found.std() > 20, "the random network must give something to compare"
    for z in range(3):
        assert difference(found[z], whole_section(checkpoint, stack, z)) <= 1


def test_bytes_do_not_depend_on_slab_size_tasks_or_batch(tmp_path: Path, checkpoint_3fm: Path) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((5, 600, 530)))
    run_job(source, tmp_path / "a", [checkpoint_3fm], f32())
    run_job(source, tmp_path / "b", [checkpoint_3fm], f32(slab_sections=2, package_tasks=1, max_batch=1))
    run_job(source, tmp_path / "c", [checkpoint_3fm], f32(slab_sections=3, package_tasks=4, max_batch=5))
    reference = read_layer(tmp_path / "a")
    assert (read_layer(tmp_path / "b") == reference).all()
    assert (read_layer(tmp_path / "c") == reference).all()


def test_package_size_changes_exact_probabilities_by_at_most_one(tmp_path: Path, checkpoint_3fm: Path) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((2, 1200, 1100)))
    run_job(source, tmp_path / "a", [checkpoint_3fm], f32(core_side=1024))
    run_job(source, tmp_path / "b", [checkpoint_3fm], f32(core_side=320))
    assert difference(read_layer(tmp_path / "a"), read_layer(tmp_path / "b")) <= 1


@pytest.mark.parametrize("size", [(1, 1), (11, 17), (1012, 1013), (1023, 1024), (1025, 40), (1024, 2048), (2013, 1025)])
def test_every_size_comes_back_as_it_was(tmp_path: Path, checkpoint_1fm: Path, size: tuple[int, int]) -> None:
    stack = noise_stack((2, *size))
    run_job(write_pngs(tmp_path / "in", stack), tmp_path, [checkpoint_1fm], f32(core_side=1024), halo="fast")
    assert read_layer(tmp_path).shape == stack.shape
    assert read_layer(tmp_path, "spots/mask").shape == stack.shape


@pytest.mark.parametrize("depth", [1, 2, 3, 31, 32, 33, 65])
def test_every_depth_comes_back_and_sections_see_their_neighbours(
    tmp_path: Path, checkpoint_3fm: Path, depth: int
) -> None:
    settings = f32(slab_sections=32, core_side=64)
    stack = noise_stack((depth, 40, 30))
    run_job(write_pngs(tmp_path / "in", stack), tmp_path, [checkpoint_3fm], settings, halo="fast")
    found = read_layer(tmp_path)
    assert found.shape == stack.shape
    for z in {0, depth // 2, depth - 1, min(31, depth - 1), min(32, depth - 1)}:
        assert difference(found[z], whole_section(checkpoint_3fm, stack, z)) <= 1


def test_flat_regions_are_zero_however_the_section_is_cut(tmp_path: Path, checkpoint_3fm: Path) -> None:
    stack = noise_stack((2, 1500, 1400))
    stack[:, :900, :900] = 77
    source = write_pngs(tmp_path / "in", stack)
    run_job(source, tmp_path / "a", [checkpoint_3fm], f32(core_side=256), halo="exact")
    run_job(source, tmp_path / "b", [checkpoint_3fm], f32(core_side=1024), halo="exact")
    a, b = read_layer(tmp_path / "a"), read_layer(tmp_path / "b")
    assert (a[:, :700, :700] == 0).all()
    assert difference(a, b) <= 1


@pytest.mark.parametrize("which", ["checkpoint_3fm", "checkpoint_5fm_reduced"])
def test_neighbours_of_a_missing_section_do_not_see_it(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    checkpoint: Path = request.getfixturevalue(which)
    stack = noise_stack((6, 330, 300))
    stack[3] = 0
    run_job(write_pngs(tmp_path / "in", stack), tmp_path / "out", [checkpoint], f32(slab_sections=2))
    found = read_layer(tmp_path / "out")
    assert not found[3].any()
    for z, instead in ((2, 2), (4, 4)):
        repeated = stack.copy()
        repeated[3] = stack[instead]
        assert difference(found[z], whole_section(checkpoint, repeated, z)) <= 1
        assert difference(found[z], whole_section(checkpoint, stack, z)) > 1


def test_a_constant_stack_gives_an_empty_mask_and_a_warning(tmp_path: Path, checkpoint_3fm: Path) -> None:
    source = write_pngs(tmp_path / "in", np.full((3, 100, 120), 9, np.uint8))
    folder = run_job(source, tmp_path, [checkpoint_3fm])
    assert not read_layer(tmp_path).any()
    record = folder.read()
    assert record is not None
    assert record.plan is not None
    assert any("same grey value" in warning for warning in record.plan.warnings)


def test_variants_and_ensembles_are_means_of_their_parts(
    tmp_path: Path, checkpoint_1fm: Path, checkpoint_3fm: Path
) -> None:
    source = write_pngs(tmp_path / "in", noise_stack((3, 200, 300)))
    parts = []
    for name, checkpoint in (("one", checkpoint_1fm), ("three", checkpoint_3fm)):
        run_job(source, tmp_path / name, [checkpoint], f32())
        parts.append(read_layer(tmp_path / name).astype(float))
    run_job(source, tmp_path / "both", [checkpoint_1fm, checkpoint_3fm], f32(), spread=True)
    assert np.abs(read_layer(tmp_path / "both") - np.mean(parts, axis=0)).max() <= 1
    spread = np.abs(parts[0] - parts[1])  # twice the standard deviation of two values is their distance
    assert np.abs(read_layer(tmp_path / "both", "spots/spread") - spread).max() <= 2


def test_sixteen_variants_make_the_prediction_symmetric(tmp_path: Path, checkpoint_3fm: Path) -> None:
    stack = noise_stack((3, 1024, 1024))
    run_job(write_pngs(tmp_path / "a", stack), tmp_path / "out_a", [checkpoint_3fm], f32(core_side=1024), variants=16)
    turned = np.ascontiguousarray(np.rot90(stack, axes=(1, 2)))
    run_job(write_pngs(tmp_path / "b", turned), tmp_path / "out_b", [checkpoint_3fm], f32(core_side=1024), variants=16)
    assert difference(np.rot90(read_layer(tmp_path / "out_a"), axes=(1, 2)), read_layer(tmp_path / "out_b")) <= 1


def test_resampled_sections_come_back_in_their_own_size(tmp_path: Path, checkpoint_3fm: Path) -> None:
    stack = noise_stack((2, 300, 410))
    folder = run_job(write_pngs(tmp_path / "in", stack), tmp_path, [checkpoint_3fm], voxel_size_nm=(50, 10, 10))
    assert read_layer(tmp_path).shape == stack.shape
    record = folder.read()
    assert record is not None
    assert record.plan is not None
    assert record.plan.grids[0].size_yx == (600, 820)
