"""Bodies of a phantom: placed by the seed alone, apart from each other."""

from __future__ import annotations

import numpy as np
import pytest

from emstream.phantom.bodies import BLOCK_SIDE, HABITS, NODES, Bodies, Kind, bodies_within

LOW, HIGH = np.zeros(3), np.array([8.0, 300.0, 300.0])


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return bodies_within(0, LOW, HIGH)


def test_every_body_meets_the_box_and_has_its_arrays(bodies: Bodies) -> None:
    count = bodies.kind.size
    assert count > 10
    assert bodies.meets(LOW, HIGH).all()
    assert bodies.nodes.shape == (count, NODES, 3)
    assert bodies.radii.shape == (count, NODES)
    assert ((bodies.shade >= 0) & (bodies.shade < 1)).all()
    assert (bodies.low < bodies.high).all()


def test_ids_are_unique_and_no_background(bodies: Bodies) -> None:
    assert len(set(bodies.ident.tolist())) == bodies.ident.size
    assert (bodies.ident > 0).all()


def test_a_smaller_box_has_the_same_bodies(bodies: Bodies) -> None:
    high = np.array([8.0, 100.0, 100.0])
    part = bodies_within(0, LOW, high)
    assert set(part.ident.tolist()) == set(bodies.where(bodies.meets(LOW, high)).ident.tolist())


def test_another_seed_has_other_bodies(bodies: Bodies) -> None:
    assert not np.array_equal(bodies_within(1, LOW, HIGH).nodes, bodies.nodes)


def test_myelin_is_sheathed_and_mitochondria_have_cytoplasm_around(bodies: Bodies) -> None:
    wide = bodies_within(0, LOW, np.array([8.0, BLOCK_SIDE, BLOCK_SIDE]))
    myelin = wide.where(wide.kind == Kind.MYELIN)
    assert myelin.kind.size
    assert (myelin.sheath >= HABITS[2].sheath[0]).all()
    assert (bodies.gap[bodies.kind == Kind.MITOCHONDRION] > 0).all()


def test_chosen_rows_are_kept_together(bodies: Bodies) -> None:
    two = bodies.where(np.array([2, 0]))
    assert two.ident.tolist() == bodies.ident[[2, 0]].tolist()
    assert (two.nodes[1] == bodies.nodes[0]).all()
