"""Which objects a request means."""

from __future__ import annotations

import pytest

from emstream.errors import UnknownObject
from emstream.recipes import Recipe, RecipeBook, asked_for, shipped_books


def book(name: str, is_default: bool = False) -> RecipeBook:
    recipe = Recipe(checkpoints=(f"{name}-net",), variants=1, halo="fast", threshold=0.5)
    return RecipeBook(object=name, is_default=is_default, fast=recipe, balanced=recipe, accurate=recipe)


BOOKS = {b.object: b for b in (book("membranes"), book("mitochondria", is_default=True), book("nuclei"))}


def test_objects_come_in_the_order_asked_for() -> None:
    assert asked_for(["nuclei", "membranes"], BOOKS) == ["nuclei", "membranes"]


def test_none_named_means_the_default_and_all_means_all() -> None:
    assert asked_for([], BOOKS) == ["mitochondria"]
    assert asked_for(["all"], BOOKS) == list(BOOKS)
    assert asked_for([], {"spots": book("spots"), "threads": book("threads")}) == ["spots"]
    assert asked_for([], {}) == []


def test_an_unknown_object_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownObject, match=r"no recipe finds 'spines'; there are: membranes, mitochondria, nuclei"):
        asked_for(["nuclei", "spines"], BOOKS)


def test_exactly_one_shipped_object_is_the_default() -> None:
    assert [name for name, shipped in shipped_books().items() if shipped.is_default] == ["mitochondria"]
