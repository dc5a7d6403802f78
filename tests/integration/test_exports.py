"""Exports, read back by the formats' own readers, are what is stored; the same order gives the same bytes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import nrrd
import numpy as np
import pypdf
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from emstream.errors import JobFailed, UsageError
from emstream.jobs.export_order import (
    ExportOrder,
    Wish,
    export_file,
    make_order,
    orders,
    place_order,
    read_order,
    read_progress,
    withdraw,
)
from emstream.jobs.finish_tasks import FIRST_EXPORT
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Plan
from emstream.phantom.finished_job import write_result
from emstream.phantom.sections import Phantom
from emstream.volume.colours import colour_of
from emstream.volume.files import created, opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes
from emstream.volume.pyramid import Pyramid
from emstream_postprocess.exports.build import build_export
from emstream_postprocess.exports.volumes import painted
from emstream_postprocess.stitch import mask_of

SHAPE = (5, 530, 1100)
VOXEL = (50.0, 5.5, 5.5)
Array = NDArray[np.uint8]
NAME = "mitochondria"


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A finished job of three slabs, with labels, and a second object: the first one's opposite side."""
    folder = write_result(Phantom(SHAPE, VOXEL), tmp_path_factory.mktemp("jobs"), slab_sections=2)
    record = record_of(folder)
    assert record.plan is not None
    for slab in record.plan.slabs:
        with opened(folder.result(slab.index)) as file:
            planes = Planes.open(file, f"{NAME}/probability/s0")
            sections = [planes.read(z) for z in range(planes.shape[0])]
        with h5py.File(folder.result(slab.index), "a", locking=False) as file:
            pyramid = Pyramid.create(file, "membranes/probability", (len(sections), *SHAPE[1:]), "zstd")
            for z, section in enumerate(sections):
                pyramid.write(z, np.ascontiguousarray(section[:, ::-1]))
    plan = record.plan.model_copy(update={"thresholds": {NAME: 0.5, "membranes": 0.7}})
    folder.write(record.model_copy(update={"plan": plan}))
    return folder


def record_of(folder: JobFolder) -> JobRecord:
    record = folder.read()
    assert record is not None
    return record


def plan_of(folder: JobFolder) -> Plan:
    plan = record_of(folder).plan
    assert plan is not None
    return plan


def stored(folder: JobFolder, kind: str, dataset: str) -> Array:
    planes = []
    for slab in plan_of(folder).slabs:
        with opened(getattr(folder, kind)(slab.index)) as file:
            store = Planes.open(file, dataset)
            planes += [store.read(z) for z in range(store.shape[0])]
    return np.stack(planes)


def labels_of(folder: JobFolder) -> NDArray[np.uint32]:
    found = []
    for slab in plan_of(folder).slabs:
        with opened(folder.labels(slab.index)) as file:
            planes = Planes.open(file, f"{NAME}/labels")
            found.append(planes.read_box(Box((0, 0, 0), planes.shape)))
    return np.concatenate(found)


@pytest.fixture(scope="module")
def truth(job: JobFolder) -> dict[str, NDArray[np.uint8 | np.uint32]]:
    """What each content is, computed at once and in memory."""
    raw, probability = stored(job, "stack", "raw/s0"), stored(job, "result", f"{NAME}/probability/s0")
    mask, other = mask_of(probability, 0.5), mask_of(probability[:, :, ::-1], 0.7)
    both = np.where(other > 0, np.uint8(255), np.where(mask > 0, np.uint8(128), np.uint8(0)))
    return {
        "mask": mask,
        "both": both,
        "probability": probability,
        "original": raw,
        "labels": labels_of(job),
        "overlay": np.stack([painted(g, [(m > 0, colour_of("mitochondria"))]) for g, m in zip(raw, mask, strict=True)]),
    }


def export(job: JobFolder, final: Path, content: str, form: str, **options: object) -> Path:
    wish = Wish(content, form, **({"objects": [NAME]} | options))  # type: ignore[arg-type]
    order = make_order(job, plan_of(job), wish)
    build_export(job, record_of(job), order, final, "JOB", lambda share: None)
    return final


def open_zarr(path: Path) -> Any:
    return zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")


def in_zip(path: Path, ending: str) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())
        return {name: archive.read(name) for name in sorted(archive.namelist()) if name.endswith(ending)}


def check_notes(text: str, content: str) -> None:
    notes = json.loads(text)
    assert (notes["content"], notes["emstream"]) == (content, "0.2.0")
    assert notes["command"].startswith("emstream export JOB --content")
    assert "emstream predict 'phantom 5 x 530 x 1100' --output OUT" in notes["from_the_input"]
    assert " --keep && emstream export OUT --content" in notes["from_the_input"]
    assert {"settings", "checkpoints", "fingerprint", "voxel_size_nm", "thresholds"} <= notes.keys()


@pytest.mark.parametrize("content", ["mask", "probability", "original", "labels", "overlay"])
def test_hdf5_holds_what_is_stored(job: JobFolder, truth: dict[str, Array], tmp_path: Path, content: str) -> None:
    with h5py.File(export(job, tmp_path / "a.h5", content, "h5")) as file:
        dataset = file["raw" if content == "original" else f"{NAME}/{content}"]
        assert (dataset[...] == truth[content]).all()
        assert dataset.attrs["element_size_um"] == pytest.approx([0.05, 0.0055, 0.0055])
        assert dataset.attrs["resolution"].tolist() == list(VOXEL)
        check_notes(file.attrs["emstream"], content)


@pytest.mark.parametrize("content", ["mask", "original", "overlay", "labels"])
def test_tiff_holds_what_is_stored(job: JobFolder, truth: dict[str, Array], tmp_path: Path, content: str) -> None:
    with tifffile.TiffFile(export(job, tmp_path / "a.tif", content, "tiff")) as file:
        assert (file.asarray() == truth[content]).all()
        if content == "labels":
            assert file.is_ome
            assert 'PhysicalSizeZ="0.05"' in str(file.ome_metadata)
            return
        metadata = file.imagej_metadata
        assert metadata is not None
        assert (metadata["spacing"], metadata["unit"]) == (0.05, "um")
        assert file.pages[0].tags["XResolution"].value[0] / file.pages[0].tags["XResolution"].value[1] == pytest.approx(
            1 / 0.0055, rel=1e-4
        )
        check_notes(metadata["Info"], content)


def test_tiff_beyond_the_classic_limit_is_a_tiled_ome_bigtiff(
    job: JobFolder, truth: dict[str, Array], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream_postprocess.exports.tiff_stack.CLASSIC_TIFF_LIMIT", 1000)
    for content in ("mask", "overlay"):
        with tifffile.TiffFile(export(job, tmp_path / f"{content}.tif", content, "tiff")) as file:
            assert (file.is_bigtiff, file.is_ome, file.pages[0].is_tiled) == (True, True, True)
            assert (file.asarray() == truth[content]).all()
            assert 'PhysicalSizeX="0.0055"' in str(file.ome_metadata)


@pytest.mark.parametrize("content", ["mask", "original", "overlay", "labels"])
def test_png_sections_hold_what_is_stored(
    job: JobFolder, truth: dict[str, Array], tmp_path: Path, content: str
) -> None:
    path = export(job, tmp_path / "a.zip", content, "png", z=(1, 4))
    sections = in_zip(path, ".png")
    base = "raw" if content == "original" else f"{NAME}_{content}"
    assert list(sections) == [f"{base}/{base}_000{z}.png" for z in (1, 2, 3)]
    for z, section in zip((1, 2, 3), sections.values(), strict=True):
        picture = Image.open(io.BytesIO(section))
        assert (np.asarray(picture) == truth[content][z]).all()
        assert picture.info["dpi"] == pytest.approx((25.4e6 / 5.5, 25.4e6 / 5.5), rel=1e-3)
    check_notes(in_zip(path, "emstream.json")["emstream.json"].decode(), content)


def test_jpeg_sections_are_near_and_their_masks_exact(job: JobFolder, truth: dict[str, Array], tmp_path: Path) -> None:
    masks = in_zip(export(job, tmp_path / "m.zip", "mask", "jpeg"), ".jpg")
    shown = np.stack([np.asarray(Image.open(io.BytesIO(section))) for section in masks.values()])
    assert ((shown > 127) == (truth["mask"] > 0)).all()
    for content in ("original", "overlay"):
        sections = in_zip(export(job, tmp_path / f"{content}.zip", content, "jpeg"), ".jpg")
        shown = np.stack([np.asarray(Image.open(io.BytesIO(section))) for section in sections.values()])
        assert np.abs(shown.astype(int) - truth[content]).mean() < 6


@pytest.mark.parametrize("content", ["mask", "labels", "overlay"])
def test_raw_voxels_open_by_their_nrrd_header(
    job: JobFolder, truth: dict[str, Array], tmp_path: Path, content: str
) -> None:
    with zipfile.ZipFile(export(job, tmp_path / "a.zip", content, "raw")) as archive:
        archive.extractall(tmp_path)
    values, header = nrrd.read(str(tmp_path / f"{NAME}_{content}.nhdr"), index_order="C")
    assert (values == truth[content]).all()
    assert header["spacings"].tolist()[-3:] == [5.5, 5.5, 50]
    check_notes(header["emstream"], content)
    facts = json.loads((tmp_path / f"{NAME}_{content}.json").read_text())
    shape, dtype = facts["shape"], facts["dtype"]
    assert (np.fromfile(tmp_path / facts["file"], f"<{np.dtype(dtype).str[1:]}").reshape(shape) == values).all()


def test_pdf_pages_show_the_sections_with_captions(job: JobFolder, truth: dict[str, Array], tmp_path: Path) -> None:
    document = pypdf.PdfReader(export(job, tmp_path / "a.pdf", "mask", "pdf", z=(1, 3)))
    assert len(document.pages) == 2
    for z, page in zip((1, 2), document.pages, strict=True):
        [picture] = page.images
        assert (np.asarray(picture.image) == truth["mask"][z]).all()
        assert f"section {z + 1}: {NAME} mask" in page.extract_text()
        assert "5.5 nm pixels, 50 nm sections" in page.extract_text()
        assert max(page.mediabox.width, page.mediabox.height) < 14400
    assert document.metadata is not None
    check_notes(str(document.metadata["/emstream"]), "mask")
    for content in ("overlay", "original", "labels"):
        page = pypdf.PdfReader(export(job, tmp_path / f"{content}.pdf", content, "pdf", z=(0, 1))).pages[0]
        assert np.asarray(page.images[0].image).shape[:2] == SHAPE[1:]


def test_a_pdf_that_would_be_too_large_is_told(job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emstream_postprocess.exports.pdf_file.MOST_BYTES", 20_000)
    with pytest.raises(JobFailed, match="choose fewer sections"):
        export(job, tmp_path / "a.pdf", "original", "pdf")
    assert list(tmp_path.iterdir()) == []


def test_large_sections_come_smaller_into_a_pdf(
    job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emstream_postprocess.exports.pdf_file.MOST_PIXELS", 600)
    page = pypdf.PdfReader(export(job, tmp_path / "a.pdf", "probability", "pdf", z=(0, 1))).pages[0]
    assert page.images[0].image is not None
    assert page.images[0].image.size == (550, 265)


@pytest.mark.parametrize("content", ["mask", "probability", "labels", "overlay"])
def test_ome_zarr_holds_what_is_stored(job: JobFolder, truth: dict[str, Array], tmp_path: Path, content: str) -> None:
    group = open_zarr(export(job, tmp_path / "a.ome.zarr.zip", content, "zarr"))
    values = np.asarray(group["0"][...])
    assert (values == (truth[content].transpose(3, 0, 1, 2) if content == "overlay" else truth[content])).all()
    ome = group.attrs["ome"]
    [image] = ome["multiscales"]
    assert ome["version"] == "0.5"
    assert [axis["name"] for axis in image["axes"]][-3:] == ["z", "y", "x"]
    assert image["datasets"][1]["coordinateTransformations"][0]["scale"][-3:] == [50, 11, 11]
    assert len(image["datasets"]) == 3
    if content == "probability":
        assert (group["2"][...] == stored(job, "result", f"{NAME}/probability/s2")).all()
    check_notes(json.dumps(group.attrs["emstream"]), content)
    group.store.close()


def test_several_objects_are_kept_apart_or_combined(job: JobFolder, truth: dict[str, Array], tmp_path: Path) -> None:
    both = [NAME, "membranes"]
    with h5py.File(export(job, tmp_path / "a.h5", "mask", "h5", objects=both)) as file:
        assert {f"{name}/mask" for name in file} == {f"{name}/mask" for name in both}
    with h5py.File(export(job, tmp_path / "b.h5", "mask", "h5", objects=both, combined=True)) as file:
        assert (file["combined/mask"][...] == truth["both"]).all()
        assert file["combined/mask"].attrs["meaning"].startswith("128 = mitochondria, 255 = membranes")
    stacks = in_zip(export(job, tmp_path / "c.zip", "mask", "tiff", objects=None), ".tif")
    assert list(stacks) == ["membranes_mask.tif", f"{NAME}_mask.tif"]
    assert (tifffile.imread(io.BytesIO(stacks[f"{NAME}_mask.tif"])) == truth["mask"]).all()
    group = open_zarr(export(job, tmp_path / "d.zip", "mask", "zarr", objects=None))
    assert (group[f"{NAME}/mask/0"][...] == truth["mask"]).all()
    group.store.close()
    assert len(pypdf.PdfReader(export(job, tmp_path / "e.pdf", "overlay", "pdf", combined=True)).pages) == SHAPE[0]


@pytest.mark.parametrize("form", ["h5", "tiff", "png", "jpeg", "raw", "pdf", "zarr"])
def test_the_same_order_twice_gives_the_same_bytes(job: JobFolder, tmp_path: Path, form: str) -> None:
    first, second = (export(job, tmp_path / f"{n}.x", "mask", form, objects=None, z=(1, 3)) for n in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.x", "b.x"]


def test_an_export_that_is_stopped_leaves_nothing(job: JobFolder, tmp_path: Path) -> None:
    seen: list[float] = []

    def stop(share: float) -> None:
        seen.append(share)
        if len(seen) == 2:  # the first look comes before anything is written
            raise KeyboardInterrupt

    for form in ("h5", "tiff", "png", "zarr"):
        order = make_order(job, plan_of(job), Wish("mask", form))
        (tmp_path / ".a.x.1-1.part").touch()  # a killed writer's
        with pytest.raises(KeyboardInterrupt):
            build_export(job, record_of(job), order, tmp_path / "a.x", "JOB", stop)
        assert list(tmp_path.iterdir()) == []
        seen.clear()


def test_slabs_that_could_not_be_stitched_are_empty(job: JobFolder, truth: dict[str, Array], tmp_path: Path) -> None:
    hidden = job.result(1).rename(job.path / "hidden.h5")
    try:
        with h5py.File(export(job, tmp_path / "a.h5", "mask", "h5")) as file:
            found = file[f"{NAME}/mask"][...]
    finally:
        hidden.rename(job.result(1))
    assert not found[2:4].any()
    assert (found[[0, 1, 4]] == truth["mask"][[0, 1, 4]]).all()


@pytest.mark.parametrize(
    ("content", "form", "options", "words"),
    [
        ("shape", "h5", {}, "must be one of mask, labels"),
        ("mask", "docx", {}, "must be one of h5, tiff"),
        ("mask", "h5", {"objects": ["cats"]}, "it has: mitochondria, membranes"),
        ("mask", "h5", {"z": (3, 3)}, "not within 0 to 5"),
        ("mask", "h5", {"z": (0, 6)}, "not within 0 to 5"),
        ("labels", "jpeg", {}, "JPEG cannot hold"),
        ("labels", "h5", {"objects": None, "combined": True}, "leave out combined"),
    ],
)
def test_what_cannot_be_exported_is_told(
    job: JobFolder, tmp_path: Path, content: str, form: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        export(job, tmp_path / "a", content, form, **options)


def test_labels_need_a_job_that_has_them_and_fit_png_only_up_to_16_bits(job: JobFolder, tmp_path: Path) -> None:
    hidden = (job.path / "labels").rename(job.path / "hidden")
    try:
        with pytest.raises(UsageError, match="no labels"):
            export(job, tmp_path / "a", "labels", "h5")
    finally:
        hidden.rename(job.path / "labels")
    one = write_result(Phantom((1, 64, 64)), tmp_path / "jobs")
    one.labels(0).unlink()
    with created(one.labels(0)) as file:
        Planes.create(file, f"{NAME}/labels", (1, 64, 64), "zstd", np.uint32).write(
            0, np.full((64, 64), 70_000, np.uint32)
        )
    with pytest.raises(JobFailed, match="PNG holds numbers up to 65535"):
        export(one, tmp_path / "a.zip", "labels", "png")
    assert not (tmp_path / "a.zip").exists()


def test_labels_that_were_made_again_since_they_were_ordered_are_not_exported(job: JobFolder, tmp_path: Path) -> None:
    one = write_result(Phantom((1, 64, 64)), tmp_path / "jobs")
    order = make_order(one, plan_of(one), Wish("labels"))
    with h5py.File(one.labels(0), "a", locking=False) as file:
        file.attrs["made_for"] = "another threshold"
    assert make_order(one, plan_of(one), Wish("labels")) != order
    with pytest.raises(JobFailed, match="numbered again"):
        build_export(one, record_of(one), order, tmp_path / "a.h5", "JOB", lambda share: None)
    assert not (tmp_path / "a.h5").exists()


def test_orders_keep_their_numbers_and_are_not_placed_twice(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    order = ExportOrder(content="mask", format="h5", combined=False, z=(0, 1), thresholds={NAME: 0.5})
    other = order.model_copy(update={"format": "tiff"})
    numbers = [place_order(folder, wanted) for wanted in (order, other, order)]
    assert numbers == [FIRST_EXPORT, FIRST_EXPORT + 1, FIRST_EXPORT]
    assert orders(folder) == {FIRST_EXPORT: order, FIRST_EXPORT + 1: other}
    file = export_file(folder, FIRST_EXPORT + 1, other)
    file.touch()
    withdraw(folder, FIRST_EXPORT + 1)
    assert (file.exists(), read_order(folder, FIRST_EXPORT + 1), read_progress(folder, FIRST_EXPORT)) == (
        False,
        None,
        None,
    )
    withdraw(folder, FIRST_EXPORT + 1)
    assert place_order(folder, other) == FIRST_EXPORT + 2
