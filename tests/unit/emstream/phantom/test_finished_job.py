"""A phantom as a finished job on disk."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emstream.jobs.folder import JobFolder
from emstream.phantom.finished_job import OBJECT, SURE, THRESHOLD, probability_of, write_result
from emstream.phantom.sections import Phantom
from emstream.volume.files import opened
from emstream.volume.planes import Planes

PHANTOM = Phantom((3, 200, 180))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    return write_result(PHANTOM, tmp_path_factory.mktemp("jobs"), slab_sections=2, with_spread=True)


def test_the_probability_is_the_truth_blurred() -> None:
    truth = np.zeros((64, 64), np.uint32)
    truth[:, 32:] = 9
    probability = probability_of(truth)
    assert probability.shape == truth.shape
    assert (probability[:, :24] == 0).all()
    assert (probability[:, 40:] == SURE).all()
    assert (np.diff(probability[0].astype(int)) >= 0).all()


def test_the_job_is_there_whole_under_its_own_name(folder: JobFolder) -> None:
    assert [path.name for path in folder.path.parent.iterdir()] == [folder.path.name]
    record = folder.read()
    assert record is not None
    assert record.id == folder.path.name
    assert folder.done_units("result") == folder.done_units("labels") == {0, 1}
    assert json.loads(folder.report_path.read_bytes())["command"] == "emstream phantom --result"


def test_masks_follow_the_probability_and_labels_are_numbered_from_1(folder: JobFolder) -> None:
    with opened(folder.result(1)) as file:
        mask = Planes.open(file, f"{OBJECT}/mask").read(0)
        probability = Planes.open(file, f"{OBJECT}/probability/s0").read(0)
    assert ((mask == 255) == (probability >= np.ceil(THRESHOLD * 255))).all()
    truth = PHANTOM.section(2)[1]
    with opened(folder.labels(1)) as file:
        labels = Planes.open(file, f"{OBJECT}/labels").read(0)
    assert ((labels > 0) == (truth > 0)).all()
    assert len({*zip(labels.ravel().tolist(), truth.ravel().tolist(), strict=True)}) == len(np.unique(truth))


def test_a_mitochondrion_keeps_its_number_across_slabs(folder: JobFolder) -> None:
    pairs: set[tuple[int, int]] = set()
    for z in range(3):
        with opened(folder.labels(z // 2)) as file:
            labels = Planes.open(file, f"{OBJECT}/labels").read(z % 2)
        pairs |= {*zip(labels.ravel().tolist(), PHANTOM.section(z)[1].ravel().tolist(), strict=True)}
    assert len(pairs) == len({label for label, _ in pairs}) == len({ident for _, ident in pairs})
