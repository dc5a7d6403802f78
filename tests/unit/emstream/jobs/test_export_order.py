"""Orders of exports, checked against a job."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from emstream.errors import UsageError
from emstream.jobs.export_order import ExportOrder, Wish, make_order
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from tests.plans import make_plan

SHAPE = (5, 40, 30)


@pytest.fixture
def plan() -> Plan:
    return make_plan(SHAPE, 2, thresholds={"cells": 0.5, "walls": 0.3})


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """A job whose stack, results and labels are there."""
    folder = JobFolder(tmp_path)
    for slab in range(3):
        for path in (folder.stack(slab), folder.result(slab), folder.labels(slab)):
            path.parent.mkdir(exist_ok=True)
            with h5py.File(path, "w") as file:
                file.attrs["made_for"] = "these thresholds"
    return folder


def test_nothing_said_means_the_masks_of_all_sections_in_hdf5(folder: JobFolder, plan: Plan) -> None:
    order = make_order(folder, plan, Wish())
    assert (order.content, order.format, order.z, order.objects) == ("mask", "h5", (0, 5), ["cells", "walls"])
    assert (order.volumes, order.suffix, order.media_type) == (2, "h5", "application/x-hdf5")
    assert order.title == "cells_walls_mask_h5_z0-4"


def test_several_tiffs_are_zipped_and_a_combined_one_is_not(folder: JobFolder, plan: Plan) -> None:
    assert make_order(folder, plan, Wish(form="tiff")).suffix == "zip"
    combined = make_order(folder, plan, Wish(form="tiff", combined=True))
    assert (combined.suffix, combined.media_type, combined.title) == (
        "tif",
        "image/tiff",
        "combined_mask_tiff_z0-4",
    )
    assert not make_order(folder, plan, Wish(objects=["walls"], combined=True)).combined  # one alone


def test_structures_come_in_the_job_s_order_and_the_original_has_none(folder: JobFolder, plan: Plan) -> None:
    assert make_order(folder, plan, Wish(objects=["walls", "cells"])).thresholds == {"cells": 0.5, "walls": 0.3}
    original = make_order(folder, plan, Wish("original", z=(1, 2)))
    assert (original.objects, original.volumes, original.title) == ([], 1, "original_h5_z1-1")


def test_labels_remember_the_choices_they_were_made_for(folder: JobFolder, plan: Plan) -> None:
    assert make_order(folder, plan, Wish("labels")).labels_for == "these thresholds"
    assert make_order(folder, plan, Wish("mask")).labels_for == ""


def test_the_command_makes_the_same_order_again(folder: JobFolder, plan: Plan) -> None:
    order = make_order(folder, plan, Wish("mask", "png", ["cells", "walls"], combined=True, z=(1, 4)))
    assert order.command("a1b2") == (
        "emstream export a1b2 --content mask --format png --object cells --object walls --z 1:4 --combined"
    )
    assert ExportOrder.model_validate_json(order.model_dump_json()) == order


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish("shape"), "content must be one of mask, labels"),
        (Wish(form="docx"), "format must be one of h5, tiff"),
        (Wish(objects=["cats"]), "no object 'cats'; it has: cells, walls"),
        (Wish(z=(2, 2)), "not within 0 to 5"),
        (Wish(z=(-1, 2)), "not within 0 to 5"),
        (Wish(z=(0, 6)), "not within 0 to 5"),
        (Wish("labels", "jpeg"), "JPEG cannot hold labels: take TIFF, HDF5"),
        (Wish("labels", combined=True), "leave out combined"),
    ],
)
def test_what_cannot_be_given_is_refused_with_what_can(
    folder: JobFolder, plan: Plan, wish: Wish, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_order(folder, plan, wish)


def test_sections_beyond_a_format_s_size_are_refused(folder: JobFolder) -> None:
    plan = make_plan((1, 70_000, 10), 2)
    with pytest.raises(UsageError, match="JPEG holds at most 65535 pixels a side"):
        make_order(folder, plan, Wish(form="jpeg"))
    make_order(folder, plan, Wish(form="png"))


def test_labels_that_are_not_there_or_not_of_all_slabs_are_refused(folder: JobFolder, plan: Plan) -> None:
    folder.labels(1).unlink()
    with pytest.raises(UsageError, match="the job has no labels"):
        make_order(folder, plan, Wish("labels"))


def test_sections_that_were_removed_cannot_be_shown(folder: JobFolder, plan: Plan) -> None:
    for path in (folder.path / "stack").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="take mask, labels, or probability"):
        make_order(folder, plan, Wish("overlay"))
    make_order(folder, plan, Wish("probability"))
