"""Endless random fields: the same at a place whatever else is computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emstream.phantom.noise import Plane, cell_borders, smooth_noise, uniforms


def plane(top: int = 0, left: int = 0, size: int = 64, z: float = 0.5) -> Plane:
    steps = np.arange(size, dtype=np.float64) + 0.5
    return Plane(z, np.float64(top) + steps, np.float64(left) + steps)


@given(seed=st.integers(0, 2**31 - 1), stream=st.integers(0, 1000), first=st.integers(-(10**6), 10**6))
def test_uniforms_depend_on_seed_stream_and_node_alone(seed: int, stream: int, first: int) -> None:
    nodes = np.arange(first, first + 50)
    numbers = uniforms(seed, stream, nodes)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert len(set(numbers.tolist())) == 50
    assert uniforms(seed, stream, nodes[7:8])[0] == numbers[7]
    assert (uniforms(seed, stream + 1, nodes) != numbers).any()


def test_uniforms_are_uniform() -> None:
    numbers = uniforms(0, 0, np.arange(200)[:, None], np.arange(200)[None])
    counts, _ = np.histogram(numbers, 10, (0, 1))
    assert np.abs(counts / numbers.size - 0.1).max() < 0.01


@given(top=st.integers(-300, 300), left=st.integers(-300, 300))
def test_smooth_noise_is_the_same_at_a_place_whatever_is_around(top: int, left: int) -> None:
    whole = smooth_noise(plane(top, left, 64), 3, 5, 9.0)
    part = smooth_noise(plane(top + 20, left + 30, 16), 3, 5, 9.0)
    assert part == pytest.approx(whole[20:36, 30:46], abs=1e-5)


def test_smooth_noise_has_mean_0_and_standard_deviation_1() -> None:
    noise = smooth_noise(plane(size=1024), 0, 1, 6.0)
    assert abs(float(noise.mean())) < 0.05
    assert float(noise.std()) == pytest.approx(1, abs=0.15)
    assert noise.dtype == np.float32


def test_smooth_noise_changes_slowly() -> None:
    noise = smooth_noise(plane(size=256), 0, 1, 40.0)
    assert float(np.abs(np.diff(noise, axis=0)).max()) < 0.25


def test_cells_have_one_shade_each_and_a_border_between_them() -> None:
    ys, xs = np.meshgrid(*[np.arange(200, dtype=np.float32)] * 2, indexing="ij")
    border, shade = cell_borders(0.5, ys, xs, 50.0, 1, 100)
    assert border.shape == shade.shape == (200, 200)
    assert (border >= 0).all()
    changes = np.argwhere(shade[:, 1:] != shade[:, :-1])
    assert len(changes) > 100
    assert max(border[y, x] for y, x in changes) <= 1.0  # a border runs between two neighbours of other cells
    assert 4 < len(np.unique(shade)) < 60
