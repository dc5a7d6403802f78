"""Colours of structures and objects."""

from __future__ import annotations

import numpy as np
import pytest

from emstream.models.recipes import shipped_books
from emstream.volume.colours import COLOURS, colour_of, coloured, in_hex


def test_each_shipped_structure_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(shipped_books())
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_an_unknown_structure_has_one_bright_colour_by_its_name() -> None:
    names = ["vesicles", "synapses", "Golgi apparatus", "ER"]
    assert [colour_of(name) for name in names] == [colour_of(name) for name in names]
    assert len({colour_of(name) for name in names}) == len(names)
    assert all(max(colour_of(name)) == 242 and min(colour_of(name)) == 0 for name in names)


@pytest.mark.parametrize(("colour", "text"), [((0, 0, 0), "#000000"), ((255, 10, 1), "#ff0a01")])
def test_colours_are_written_with_two_digits_each(colour: tuple[int, int, int], text: str) -> None:
    assert in_hex(colour) == text


def test_objects_are_bright_and_the_background_is_transparent() -> None:
    labels = np.arange(1000, dtype=np.uint32).reshape(20, 50)
    picture = coloured(labels)
    assert picture.shape == (20, 50, 4)
    assert ((picture[..., 3] == 255) == (labels > 0)).all()
    assert (picture[..., :3] >= 64).all()


def test_an_object_keeps_its_colour_and_neighbours_in_number_differ() -> None:
    picture = coloured(np.arange(1, 1001, dtype=np.uint32)[None])
    again = coloured(np.full((1, 1), 500, np.uint32))
    assert (picture[0, 499] == again[0, 0]).all()
    assert (picture[0, 1:, :3] != picture[0, :-1, :3]).any(axis=1).all()
