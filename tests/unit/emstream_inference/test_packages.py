"""Packages: their cores of every section, and flat cells, where the network is spared."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.readers.stack import Rows, StackFacts, StackReader
from emstream.volume.files import opened
from emstream.volume.planes import Planes
from emstream_inference.batcher import Batcher, Prediction
from emstream_inference.packages import flat_core, make_package
from emstream_inference.predictor import Predictor
from emstream_preprocess.slabs import write_slab
from tests.plans import make_plan


def test_a_cell_is_flat_if_all_within_the_halo_has_one_value() -> None:
    window = np.full((3, 256, 256), 7, np.uint8)
    window[1, 100, 100] = 8
    flat = flat_core(window, halo=64, cell=32)
    assert flat.shape == (8, 8)
    assert not flat[1:6, 1:6].any()
    assert flat[0].all()
    assert flat[6:].all()
    assert flat[:, 0].all()
    assert flat[:, 6:].all()


def test_sections_of_different_values_are_not_flat() -> None:
    window = np.zeros((3, 64, 64), np.uint8)
    window[2] = 1
    assert not flat_core(window, halo=32, cell=32).any()


def test_neighbouring_flat_regions_of_different_values_are_not_flat_at_their_border() -> None:
    window = np.zeros((1, 64, 256), np.uint8)
    window[:, :, 128:] = 9
    assert flat_core(window, halo=32, cell=32)[0].tolist() == [True, True, True, False, False, True, True, True]


def test_a_section_that_ends_within_a_cell_is_judged_by_its_own_pixels() -> None:
    assert flat_core(np.full((3, 10, 40), 5, np.uint8), halo=64, cell=32).tolist() == [[True, True]]


class Halves:
    """A predictor and batcher in one: every probability is half the grey value of the window's middle section."""

    sections = 1

    def __init__(self) -> None:
        self.prepared: list[tuple[int, int]] = []

    def prepare(self, window_yx: tuple[int, int]) -> None:
        self.prepared.append(window_yx)

    def submit(self, predictor: object, window: NDArray[np.uint8]) -> Future[Prediction]:
        future: Future[Prediction] = Future()
        future.set_result((window // 2, None))
        return future


def slab_of(folder: JobFolder, stack: NDArray[np.uint8], plan: Plan) -> None:
    class Reader:
        facts = StackFacts(plan.shape_zyx, np.dtype(np.uint8))

        def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
            for z in range(z_start, z_stop):
                yield Rows(z, 0, stack[z : z + 1])

    write_slab(cast("StackReader", Reader()), plan, plan.slabs[0], folder.stack(0), None)


def test_a_package_is_predicted_once_and_holds_its_core_of_every_section(tmp_path: Path) -> None:
    folder, plan = JobFolder(tmp_path), make_plan((3, 96, 128), sections=3, core_side=64)
    stack = np.random.default_rng(0).integers(60, 180, (3, 96, 128), dtype=np.uint8)
    stack[1] = 7  # blank: its windows need no network
    slab_of(folder, stack, plan)
    halves = Halves()
    for index in range(plan.packages_per_slab):
        seen = make_package(folder, plan, index, lambda grid: cast("Predictor", halves), cast("Batcher", halves))
        assert seen == 2
        _, package = plan.package(index)
        with opened(folder.probability(index)) as file:
            planes = Planes.open(file, "spots/probability")
            for z, expected in enumerate(stack // 2):
                values = 0 if z == 1 else expected[package.core_box.slices[1:]]
                assert (planes.read(z) == values).all()
    assert make_package(folder, plan, 0, lambda grid: cast("Predictor", None), cast("Batcher", None)) is None
    assert set(halves.prepared) == {plan.tilings[0].read_yx}
