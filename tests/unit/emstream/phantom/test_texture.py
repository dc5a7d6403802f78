"""Painted tissue: dark structures on light cytoplasm, and the ids of mitochondria."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emstream.phantom.bodies import Kind, bodies_within
from emstream.phantom.noise import Field, Plane
from emstream.phantom.texture import MITOCHONDRION, paint

SIDE = 256


@pytest.fixture(scope="module")
def painted() -> tuple[Field, NDArray[np.uint32]]:
    at: NDArray[np.float64] = np.arange(SIDE, dtype=np.float64) + np.float64(0.5)
    return paint(0, Plane(4.5, at, at))


def test_grey_values_and_ids_have_the_size_of_the_plane(painted: tuple[Field, NDArray[np.uint32]]) -> None:
    image, ids = painted
    assert image.shape == ids.shape == (SIDE, SIDE)
    assert image.dtype == np.float32
    assert ids.dtype == np.uint32
    assert np.isfinite(image).all()


def test_mitochondria_are_dark_and_even(painted: tuple[Field, NDArray[np.uint32]]) -> None:
    image, ids = painted
    assert (ids > 0).any()
    assert abs(float(np.median(image[ids > 0])) - MITOCHONDRION) < 25
    assert float(np.median(image[ids == 0])) > float(np.median(image[ids > 0])) + 40


def test_ids_are_of_mitochondria_that_are_there(painted: tuple[Field, NDArray[np.uint32]]) -> None:
    bodies = bodies_within(0, np.array([4.5, -30, -30]), np.array([4.5, SIDE + 30, SIDE + 30]))
    known = set(bodies.ident[bodies.kind == Kind.MITOCHONDRION].tolist())
    assert {int(number) for number in np.unique(painted[1])} - {0} <= known
