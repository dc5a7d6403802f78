"""Volumes of an export, made from the stored files of a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from emstream.errors import JobFailed
from emstream.jobs.export_order import ExportOrder, Wish, make_order
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.phantom.finished_job import OBJECT, SURE, write_result
from emstream.phantom.sections import Phantom
from emstream_postprocess.exports.slab_reader import SlabReader, level_size
from emstream_postprocess.exports.volumes import STRIP, painted, volumes_of

PHANTOM = Phantom((3, 520, 60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    return write_result(PHANTOM, tmp_path_factory.mktemp("jobs"), slab_sections=2)


@pytest.fixture(scope="module")
def plan(folder: JobFolder) -> Plan:
    record = folder.read()
    assert record is not None
    assert record.plan is not None
    return record.plan


@pytest.fixture
def reader(folder: JobFolder, plan: Plan) -> Iterator[SlabReader]:
    with SlabReader(folder, plan) as found:
        yield found


def ordered(folder: JobFolder, plan: Plan, content: str, z: tuple[int, int] = (0, 3)) -> ExportOrder:
    return make_order(folder, plan, Wish(content, z=z))


def test_the_original_is_read_across_slabs(folder: JobFolder, plan: Plan, reader: SlabReader) -> None:
    [volume] = volumes_of(reader, ordered(folder, plan, "original", (1, 3)))
    assert (volume.shape, volume.name, list(volume.sections)) == ((2, 520, 60), "raw", [1, 2])
    for z in volume.sections:
        assert (volume.section(z) == PHANTOM.section(z)[0]).all()


def test_strips_are_as_high_as_stored_chunks(folder: JobFolder, plan: Plan, reader: SlabReader) -> None:
    [volume] = volumes_of(reader, ordered(folder, plan, "probability"))
    assert [(y, len(rows)) for y, rows in volume.strips(0)] == [(0, STRIP), (STRIP, 520 - STRIP)]
    assert [len(rows) for _, rows in volume.strips(0, level=1)] == [260]
    assert level_size(plan, 1) == (260, 30)


def test_masks_follow_the_order_s_threshold_and_not_the_stored_mask(
    folder: JobFolder, plan: Plan, reader: SlabReader
) -> None:
    order = ordered(folder, plan, "mask")
    for threshold in (0.2, 0.5, SURE / 255):
        [mask] = volumes_of(reader, order.model_copy(update={"thresholds": {OBJECT: threshold}}))
        [probability] = volumes_of(reader, ordered(folder, plan, "probability"))
        expected = np.where(probability.section(2) >= np.ceil(threshold * 255), 255, 0)
        assert (mask.section(2) == expected).all()
    assert mask.meaning == f"255 = {OBJECT}"


def test_labels_are_the_stored_numbers(folder: JobFolder, plan: Plan, reader: SlabReader) -> None:
    [labels] = volumes_of(reader, ordered(folder, plan, "labels"))
    assert labels.dtype == np.uint32
    assert ((labels.section(2) > 0) == (PHANTOM.section(2)[1] > 0)).all()


def test_labels_made_for_other_choices_are_refused(folder: JobFolder, plan: Plan) -> None:
    with SlabReader(folder, plan, "other thresholds") as reader:
        [labels] = volumes_of(reader, ordered(folder, plan, "labels"))
        with pytest.raises(JobFailed, match="numbered again"):
            labels.section(0)


def test_overlays_are_the_section_with_the_mask_in_colour(folder: JobFolder, plan: Plan, reader: SlabReader) -> None:
    [overlay] = volumes_of(reader, ordered(folder, plan, "overlay"))
    [mask] = volumes_of(reader, ordered(folder, plan, "mask"))
    grey, found = PHANTOM.section(1)[0], overlay.section(1)
    outside = mask.section(1) == 0
    assert found.shape == (520, 60, 3)
    assert (found[outside] == grey[outside][:, None]).all()
    assert (found[~outside] != grey[~outside][:, None]).any(axis=1).mean() > 0.9


def test_several_structures_share_one_mask_by_values(folder: JobFolder, plan: Plan, reader: SlabReader) -> None:
    order = ordered(folder, plan, "mask").model_copy(
        update={"combined": True, "thresholds": {OBJECT: 0.5, f"{OBJECT}/": 0.9}}
    )
    [volume] = volumes_of(reader, order)
    assert volume.name == "combined/mask"
    assert volume.meaning.startswith(f"128 = {OBJECT}, 255 = ")


def test_a_slab_that_could_not_be_stitched_is_empty(folder: JobFolder, plan: Plan, tmp_path: Path) -> None:
    with SlabReader(JobFolder(tmp_path), plan) as reader:
        assert not reader.probability(OBJECT, 0, (0, 5), 0).any()
        assert reader.labels(OBJECT, 0, (2, 5), 1).shape == (3, 30)
        assert reader.raw(0, (0, 5), 0).shape == (5, 60)


def test_each_cover_is_laid_over_in_its_colour() -> None:
    grey = np.full((1, 3), 100, np.uint8)
    covers = [
        (np.array([[True, False, False]]), (255, 0, 0)),
        (np.array([[False, True, False]]), (0, 0, 200)),
    ]
    assert painted(grey, covers).tolist() == [[[170, 55, 55], [55, 55, 145], [100, 100, 100]]]
