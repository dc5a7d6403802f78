"""Labels written from numbers of pieces, block by block, and refused where the two do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emstream.errors import VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.volume.files import opened
from emstream.volume.planes import Planes
from emstream_postprocess.objects.join import numbered_blocks, write_joined, write_labels
from emstream_postprocess.objects.steps import find_in_slab
from tests.unit.emstream_postprocess.objects.test_pieces import layers_of, whole
from tests.unit.emstream_postprocess.objects.test_steps import REQUEST, plan_of, write_results

TWO_SPOTS = np.array([[[255, 0, 0, 255], [255, 0, 0, 0]]], np.uint8)


def test_each_piece_gets_its_objects_number_and_a_dropped_one_gets_none() -> None:
    blocks = list(numbered_blocks(layers_of(TWO_SPOTS), np.array([7, 0], np.uint32)))
    (core, section), *others = blocks
    assert not others
    assert core.shape == (1, 2, 4)
    assert section(0).tolist() == [[7, 0, 0, 0], [7, 0, 0, 0]]


def test_a_blocks_numbers_stay_its_own_after_the_next_block_is_read() -> None:
    probability = np.full((1, 1, 6), 255, np.uint8)
    blocks = list(numbered_blocks(layers_of(probability), np.array([4, 5, 6], np.uint32), side=2))
    assert [section(0).tolist() for _, section in blocks] == [[[4, 4]], [[5, 5]], [[6, 6]]]


@pytest.mark.parametrize("numbers", [[1], [1, 2, 3]])
def test_numbers_that_do_not_fit_the_masks_are_refused(numbers: list[int]) -> None:
    with pytest.raises(VolumeDamaged, match="delete the job's folder objects, and retry"):
        list(numbered_blocks(layers_of(TWO_SPOTS), np.array(numbers, np.uint32)))


def test_labels_of_a_slab_are_those_of_the_volume(tmp_path: Path) -> None:
    shape = (4, 520, 530)  # two blocks down and across, as the stored chunks are
    folder, plan = JobFolder(tmp_path), plan_of(shape, sections=2)
    volume = np.zeros(shape, np.uint8)
    volume[1:3, 508:516, 505:520] = 200  # across the blocks' corner and both slabs
    volume[3, 3:6, 3:6] = 200
    write_results(folder, plan, volume)
    for slab in plan.slabs:
        find_in_slab(folder, plan, REQUEST, slab)
    write_joined(folder, plan, 1, "this choice")
    checks: list[int] = []
    expected = whole(volume >= 128)
    for slab in plan.slabs:
        write_labels(folder, plan, slab, folder.labels(slab.index), lambda: checks.append(0))
        with opened(folder.labels(slab.index)) as file:
            assert file.attrs["made_for"] == "this choice"
            planes = Planes.open(file, "spots/labels")
            for z in range(2):
                assert (planes.read(z) == expected[slab.z_start + z]).all()
    assert len(checks) == 2 * (4 + 1)  # before each block, and before each file is published
