"""A job's labels and tables: equal to the whole volume's, the same bytes after a kill, anew for other thresholds."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Plan, Request
from emstream.ledger.hints import Hint
from emstream.stages import Stage
from emstream.volume.files import created, opened, publishing
from emstream.volume.planes import Planes
from emstream.volume.pyramid import Pyramid
from emstream.work.loop import Abandoned, Unit
from emstream_postprocess.objects.steps import number_in_slab, number_objects
from emstream_postprocess.stitch import mask_of
from emstream_postprocess.thresholds_fence import fence
from tests.plans import make_plan
from tests.unit.emstream_postprocess.objects.test_pieces import whole

UINT8 = NDArray[np.uint8]
SHAPE = (5, 530, 620)
REQUEST = Request(input="in", min_voxels=5)


def plan_of(shape: tuple[int, int, int], threshold: float = 0.5, sections: int = 3) -> Plan:
    return make_plan(shape, sections, voxel_size_nm=(30, 10, 10), core_side=256, thresholds={"spots": threshold})


def bumps(shape: tuple[int, int, int], count: int = 60, seed: int = 0) -> UINT8:
    """Bodies of falling probability, some cut by the borders, and specks."""
    random = np.random.default_rng(seed)
    volume = np.where(random.random(shape) < 1e-3, 200, 0).astype(np.uint8)
    for _ in range(count):
        middle, radius = random.integers(0, shape), random.integers(4, 40)
        start = [max(int(m) - radius, 0) for m in middle]
        part = volume[tuple(slice(s, int(m) + radius) for s, m in zip(start, middle, strict=True))]
        z, y, x = (np.arange(n) + s - m for n, s, m in zip(part.shape, start, middle, strict=True))
        distance = np.sqrt(9 * z[:, None, None] ** 2 + y[:, None] ** 2 + x**2) / radius
        np.maximum(part, np.clip(255 * 1.2 * (1 - distance), 0, 255).astype(np.uint8), out=part)
    return volume


def write_results(folder: JobFolder, plan: Plan, volume: UINT8, spread: UINT8 | None = None) -> None:
    """Do what stitching does."""
    for slab in plan.slabs:
        with publishing(folder.result(slab.index)) as part, created(part) as file:
            depth = slab.z_stop - slab.z_start
            pyramid = Pyramid.create(file, "spots/probability", (depth, *plan.shape_zyx[1:]), "zstd")
            mask = Planes.create(file, "spots/mask", (depth, *plan.shape_zyx[1:]), "zstd")
            mask.dataset.attrs["threshold"] = plan.thresholds["spots"]
            for z in range(depth):
                pyramid.write(z, volume[slab.z_start + z])
                mask.write(z, mask_of(volume[slab.z_start + z], plan.thresholds["spots"]))
            if spread is not None:
                levels = Pyramid.create(file, "spots/spread", (depth, *plan.shape_zyx[1:]), "zstd")
                for z in range(depth):
                    levels.write(z, spread[slab.z_start + z])


def labels_of(folder: JobFolder, plan: Plan) -> NDArray[np.uint32]:
    sections = []
    for slab in plan.slabs:
        with opened(folder.labels(slab.index)) as file:
            planes = Planes.open(file, "spots/labels")
            sections += [planes.read(z) for z in range(planes.shape[0])]
    return np.stack(sections)


def files_of(folder: JobFolder) -> dict[str, bytes]:
    return {str(p.relative_to(folder.path)): p.read_bytes() for p in sorted(folder.path.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, Plan, UINT8]:
    folder, plan, volume = JobFolder(tmp_path_factory.mktemp("job")), plan_of(SHAPE), bumps(SHAPE)
    write_results(folder, plan, volume)
    number_objects(folder, plan, REQUEST)
    return folder, plan, volume


def filtered(mask: NDArray[np.bool_], least: int) -> NDArray[np.uint32]:
    labels = whole(mask)
    kept = np.bincount(labels.ravel()) >= least
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0).astype(np.uint32)
    return np.asarray(numbers[labels])


def test_labels_and_volumes_are_those_of_the_whole_volume(done: tuple[JobFolder, Plan, UINT8]) -> None:
    folder, plan, volume = done
    expected = filtered(volume >= 128, 5)
    assert (labels_of(folder, plan) == expected).all()
    rows = read_csv(folder)
    assert [int(row["id"]) for row in rows] == list(range(1, expected.max() + 1))
    assert [int(row["volume_voxels"]) for row in rows] == np.bincount(expected.ravel())[1:].tolist()
    assert {row["voxel_size_zyx_nm"] for row in rows} == {"30 x 10 x 10"}


@pytest.mark.parametrize("split", [False, True])
def test_the_spread_that_was_stored_is_the_uncertainty(tmp_path: Path, split: bool) -> None:
    folder, plan, volume = JobFolder(tmp_path), plan_of((4, 90, 80)), bumps((4, 90, 80), 6)
    write_results(folder, plan, volume, np.full_like(volume, 51))
    number_objects(folder, plan, REQUEST.model_copy(update={"spread": True, "split_touching": split}))
    assert {round(float(row["uncertainty"]), 4) for row in read_csv(folder)} == {0.2}


def test_parquet_holds_what_the_csv_holds(done: tuple[JobFolder, Plan, UINT8]) -> None:
    folder, _, _ = done
    table = pq.read_table(folder.measurements / "spots.parquet")
    rows = read_csv(folder)
    areas = ["" if v != v else f"{v:.7g}" for v in table["surface_area_um2"].to_pylist()]
    assert areas == [row["surface_area_um2"] for row in rows]
    assert table.schema.field("volume_um3").metadata == {
        b"unit": "µm³".encode(),
        b"meaning": b"voxels times the voxel size",
    }


def read_csv(folder: JobFolder) -> list[dict[str, str]]:
    return list(csv.DictReader((folder.measurements / "spots.csv").read_text().splitlines()))


class Killed(Exception):
    pass


def test_killed_after_any_step_and_run_again_gives_the_same_bytes(
    done: tuple[JobFolder, Plan, UINT8], tmp_path: Path
) -> None:
    undisturbed, plan, volume = done
    folder = JobFolder(tmp_path)
    write_results(folder, plan, volume)
    left = [0]

    def check() -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed

    for steps in range(1, 40):
        left[0] = 1 + steps % 5
        try:
            number_objects(folder, plan, REQUEST, check)
        except Killed:
            continue
        break
    assert steps > 3
    number_objects(folder, plan, REQUEST)
    assert files_of(folder) == files_of(undisturbed)


def test_slab_sizes_change_nothing_but_the_cut(done: tuple[JobFolder, Plan, UINT8], tmp_path: Path) -> None:
    undisturbed, plan, volume = done
    folder, other = JobFolder(tmp_path), plan_of(SHAPE, sections=2)
    write_results(folder, other, volume)
    number_objects(folder, other, REQUEST)
    assert (labels_of(folder, other) == labels_of(undisturbed, plan)).all()
    for name in ("spots.csv", "spots.parquet", "spots.h5"):
        assert (folder.measurements / name).read_bytes() == (undisturbed.measurements / name).read_bytes()


def test_splitting_does_not_depend_on_slabs(tmp_path: Path) -> None:
    shape, request = (9, 200, 600), Request(input="in", min_voxels=40, split_touching=True)
    volume = bumps(shape, 60, 3)
    found = {}
    for sections in (2, 4, 9):
        folder, plan = JobFolder(tmp_path / str(sections)), plan_of(shape, sections=sections)
        write_results(folder, plan, volume)
        number_objects(folder, plan, request)
        table = (folder.measurements / "spots.csv").read_text()
        found[sections] = (labels_of(folder, plan), table)
        rows = read_csv(folder)
    labels, table = found[9]
    assert all((other == labels).all() and text == table for other, text in found.values())
    together = filtered(volume >= 128, 40)
    assert ((labels > 0) == (together > 0)).all()
    assert labels.max() > together.max()
    assert [int(row["volume_voxels"]) for row in rows] == np.bincount(labels.ravel())[1:].tolist()
    first = [np.flatnonzero(labels == k)[0] for k in range(1, labels.max() + 1)]
    assert first == sorted(first)


def test_a_slab_that_is_stitched_later_is_joined_too(tmp_path: Path) -> None:
    shape = (6, 200, 300)
    volume, folder, plan = bumps(shape, 20), JobFolder(tmp_path), plan_of(shape, sections=2)
    write_results(folder, plan, volume)
    folder.result(1).rename(tmp_path / "later")
    number_objects(folder, plan, REQUEST)
    assert not folder.labels(1).exists()
    (tmp_path / "later").rename(folder.result(1))
    number_objects(folder, plan, REQUEST)
    assert (labels_of(folder, plan) == filtered(volume >= 128, 5)).all()


def test_of_an_outline_the_enclosed_profiles_are_measured(tmp_path: Path) -> None:
    volume = np.zeros((3, 60, 90), np.uint8)
    volume[:, ::20], volume[:, :, ::30] = 255, 255  # a lattice of membranes encloses 3 x 3 profiles per section
    folder, plan = JobFolder(tmp_path), plan_of(volume.shape, sections=2).model_copy(update={"outlines": ("spots",)})
    write_results(folder, plan, volume)
    number_objects(folder, plan, Request(input="in", split_touching=True))
    rows = read_csv(folder)
    assert len(rows) == 27
    assert {row["area_um2"] for row in rows} == {"0.0551"}
    assert {row["mean_probability"] for row in rows} == {"1"}
    assert [row["touches_border"] for row in rows[:9]] == ["false", "false", "true"] * 2 + ["true"] * 3
    assert "volume_um3" not in rows[0]


def test_other_thresholds_make_everything_anew(done: tuple[JobFolder, Plan, UINT8], tmp_path: Path) -> None:
    _, _, volume = done
    shape = (3, 200, 300)
    volume, folder = volume[:3, :200, :300], JobFolder(tmp_path)
    for threshold in (0.5, 0.8, 0.5):
        plan = plan_of(shape, threshold, 2)
        write_results(folder, plan, volume)
        number_objects(folder, plan, REQUEST)
        assert (labels_of(folder, plan) == filtered(volume >= np.ceil(255 * threshold), 5)).all()
    before = files_of(folder)
    number_in_slab(folder, plan_of(shape, 0.8, 2), REQUEST, plan.slabs[0])  # a late helper of earlier thresholds
    assert files_of(folder) == before


def test_a_worker_frozen_anywhere_publishes_nothing_of_earlier_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream.volume.files._sync", lambda path: None)  # most of the time of so many small files
    shape, request = (2, 40, 50), Request(input="in", min_voxels=5, split_touching=True)
    volume, early, late = bumps(shape, 6), plan_of(shape, 0.5), plan_of(shape, 0.8)

    def numbered(folder: JobFolder, plan: Plan) -> dict[str, bytes]:
        write_results(folder, early, volume)
        folder.write(JobRecord(id="j", owner="o", request=request, plan=plan))
        number_objects(folder, plan, request)
        return files_of(folder)

    wanted, others = numbered(JobFolder(tmp_path / "wanted"), late), numbered(JobFolder(tmp_path / "others"), early)
    assert {name for name in wanted if wanted[name] != others[name]} >= {"measurements/spots.csv", "labels/00000.h5"}
    checks = frozen_at(JobFolder(tmp_path / "0"), early, request, volume, 1 << 30, lambda folder: None)
    assert checks > 15
    for at in range(1, checks + 1):
        folder = JobFolder(tmp_path / str(at))
        frozen_at(folder, early, request, volume, at, lambda folder: numbered(folder, late))
        assert files_of(folder) == wanted, at


def frozen_at(
    folder: JobFolder, plan: Plan, request: Request, volume: UINT8, at: int, meanwhile: Callable[[JobFolder], object]
) -> int:
    """Number objects as a worker that is frozen before its check number `at`; return how often it checked."""
    write_results(folder, plan, volume)
    record = JobRecord(id="j", owner="o", request=request, plan=plan)
    folder.write(record)
    checks = 0

    def freeze() -> None:
        nonlocal checks
        checks += 1
        if checks == at:
            meanwhile(folder)

    unit = Unit(Hint(Stage.FINISH, "j", 0), folder, record, freeze)
    with suppress(Abandoned):
        number_objects(folder, plan, request, fence(unit))
    return checks
