"""The predictor: variants undone, checkpoints averaged in float32, quantised once."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.errors import ShapeError
from emstream.jobs.record import Grid, Member
from emstream_inference.engines import Engine
from emstream_inference.predictor import LoadedMember, Predictor, grid_objects
from emstream_inference.variants import variants


class NumpyEngine:
    """An engine whose network n returns the middle section, raised to the power n + 1, for each of its two objects."""

    def __init__(self) -> None:
        self.prepared: list[tuple[int, tuple[int, int, int]]] = []

    def prepare(self, network: int, shape: tuple[int, int, int]) -> None:
        self.prepared.append((network, shape))

    def to_device(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (windows / 255).astype(np.float32)

    def to_host(self, values: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.rint(values * 255).astype(np.uint8)

    def forward(self, network: int, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        middle = windows[:, windows.shape[1] // 2 : windows.shape[1] // 2 + 1]
        return np.concatenate([middle, 1 - middle], axis=1) ** (network + 1)

    def flip(self, values: Any, axis: int) -> Any:
        return np.flip(values, axis)


def predictor(members: list[LoadedMember], objects: int, with_spread: bool = False) -> Predictor:
    return Predictor(cast("Engine", NumpyEngine()), members, objects, with_spread)


def windows(sections: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, sections, 16, 16), dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 4, 16])
def test_a_network_that_acts_pixel_by_pixel_gives_the_same_by_all_variants(count: int) -> None:
    seen = windows(3)
    mean, spread = predictor([LoadedMember(0, 3, ((0, 0),), variants(count, 3))], 1).predict(seen)
    assert (mean == seen[:, 1:2]).all()
    assert spread is None


def test_outputs_go_to_the_objects_that_they_are_for() -> None:
    seen = windows(1)
    mean, _ = predictor([LoadedMember(0, 1, ((0, 1), (1, 0)), variants(1, 1))], 2).predict(seen)
    assert (mean[:, 1:] == seen).all()
    assert (mean[:, :1] == 255 - seen).all()


def test_checkpoints_are_averaged_and_their_difference_is_the_spread() -> None:
    seen = np.full((1, 1, 16, 16), 51, np.uint8)  # p = 0.2 and its square, 0.04: mean 0.12, deviation 0.08
    members = [LoadedMember(network, 1, ((0, 0),), variants(1, 1)) for network in (0, 1)]
    mean, spread = predictor(members, 1, with_spread=True).predict(seen)
    assert spread is not None
    assert np.unique(mean).tolist() == [round(0.12 * 255)]
    assert np.unique(spread).tolist() == [round(0.16 * 255)]


def test_a_network_of_fewer_sections_sees_the_middle_ones() -> None:
    seen = windows(5)
    members = [LoadedMember(0, 5, ((0, 0),), variants(1, 5)), LoadedMember(0, 1, ((0, 0),), variants(1, 1))]
    mean, _ = predictor(members, 1).predict(seen)
    assert (mean == seen[:, 2:3]).all()


def test_windows_of_another_depth_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ShapeError, match=r"windows must be \(n, 1, y, x\), got \(2, 3, 16, 16\)"):
        predictor([LoadedMember(0, 1, ((0, 0),), variants(1, 1))], 1).predict(windows(3))


def test_the_objects_of_a_grid_are_named_once_in_order() -> None:
    def member(*objects: str) -> Member:
        return Member(name="n", path="n.onnx", sha256="0", sections=1, objects=objects)

    members = (member("nuclei", "membranes"), member("membranes", "mitochondria"))
    grid = Grid(size_yx=(64, 64), pixel_size_nm=5, is_resampled=False, halo=16, alignment=16, members=members)
    assert grid_objects(grid) == ["nuclei", "membranes", "mitochondria"]
