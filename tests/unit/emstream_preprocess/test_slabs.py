"""Slabs: every section where it belongs, neighbours as halo, deep chunks decoded at most twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.readers.hdf5.reader import Hdf5Stack
from emstream.readers.stack import Grey, Rows, StackFacts, StackReader
from emstream.volume.files import opened
from emstream.volume.planes import Planes
from emstream_preprocess.plan import slab_sections_for
from emstream_preprocess.slabs import make_slab, write_slab
from tests.plans import make_plan


class ArrayStack(StackReader):
    """A stack in memory that counts how often each section is read."""

    def __init__(self, stack: NDArray[np.uint8]) -> None:
        self.stack = stack
        self.reads: Counter[int] = Counter()

    @property
    def facts(self) -> StackFacts:
        depth, height, width = self.stack.shape
        return StackFacts((depth, height, width), np.dtype(np.uint8))

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        for z in range(z_start, z_stop):
            self.reads[z] += 1
            for y in range(0, self.stack.shape[1], 7):
                yield Rows(z, y, self.stack[z : z + 1, y : y + 7])

    def sample(self, z: int) -> Grey:
        section: Grey = self.stack[z]
        return section

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("depth", "sections"), [(1, 32), (2, 1), (3, 1), (5, 2), (7, 3), (9, 4)])
@pytest.mark.parametrize("knows_above", [True, False])
def test_slabs_hold_their_sections_and_both_neighbours(
    tmp_path: Path, depth: int, sections: int, knows_above: bool
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (depth, 20, 30), dtype=np.uint8)
    reader, plan = ArrayStack(stack), make_plan((depth, 20, 30), sections)
    for slab in plan.slabs:
        above = tmp_path / f"{slab.index - 1}.h5" if knows_above and slab.index else None
        write_slab(reader, plan, slab, tmp_path / f"{slab.index}.h5", above)
        with opened(tmp_path / f"{slab.index}.h5") as file:
            assert (file["raw/s0"][()] == stack[slab.z_start : slab.z_stop]).all()
            wanted = [*range(slab.z_start - 2, slab.z_start), *range(slab.z_stop, slab.z_stop + 2)]
            halo = Planes.open(file, "halo")
            for position, z in enumerate(wanted):
                assert (halo.read(position) == stack[min(max(z, 0), depth - 1)]).all()
    if knows_above and sections >= 2:
        assert max(reader.reads.values()) <= 2


def test_deep_gzip_chunks_are_decoded_at_most_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (130, 70, 66), dtype=np.uint8)
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file.create_dataset("raw", data=stack, chunks=(64, 64, 64), compression="gzip")
    reads: Counter[int] = Counter()
    with Hdf5Stack(tmp_path / "deep.h5") as reader:
        blocks = Hdf5Stack.blocks

        def counted(self: Hdf5Stack, z_start: int, z_stop: int) -> Iterator[Rows]:
            reads.update(range(z_start // 64, -(-z_stop // 64)))
            return blocks(self, z_start, z_stop)

        monkeypatch.setattr(Hdf5Stack, "blocks", counted)
        plan = make_plan((130, 70, 66), slab_sections_for(32, reader.facts.section_depth))
        for slab in plan.slabs:
            above = tmp_path / f"{slab.index - 1}.h5" if slab.index else None
            write_slab(reader, plan, slab, tmp_path / f"{slab.index}.h5", above)
    assert plan.slab_sections == 64
    assert max(reads.values()) <= 2


def test_a_slab_that_is_there_is_not_read_again(tmp_path: Path) -> None:
    reader, plan = ArrayStack(np.arange(4 * 30, dtype=np.uint8).reshape(4, 5, 6)), make_plan((4, 5, 6), sections=2)
    folder = JobFolder(tmp_path)
    opened_stacks = []

    def open_reader() -> StackReader:
        opened_stacks.append(reader)
        return reader

    for index in (0, 1, 0, 1):
        make_slab(folder, plan, index, open_reader)
    assert len(opened_stacks) == 2
    assert folder.done_units("stack") == {0, 1}
    assert reader.reads == {0: 1, 1: 1, 2: 2, 3: 2}  # section 2 and 3 also as the first slab's neighbours
