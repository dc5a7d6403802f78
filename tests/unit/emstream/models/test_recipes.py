"""Structures that a request means, and their recipes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emstream.errors import UnknownObject
from emstream.models.recipes import (
    MODELS,
    Choice,
    FineSampling,
    Recipe,
    RecipeBook,
    asked_for,
    checkpoints_of,
    choose,
    shipped_books,
    trained_on,
)


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


def test_thin_sections_have_checkpoints_and_a_threshold_of_their_own() -> None:
    thin = FineSampling(below_nm=15, checkpoints=("thin-net",), threshold=0.7)
    choice = Choice("spots", BOOKS["nuclei"].fast.model_copy(update={"fine": thin}), ())
    for voxel_size in (None, (15.0, 5.0, 5.0), (None, 5.0, 5.0)):
        assert choice.for_voxel_size(voxel_size) is choice
    taken = choice.for_voxel_size((14.9, 5.0, 5.0)).recipe
    assert (taken.checkpoints, taken.threshold, taken.variants) == (("thin-net",), 0.7, 1)


def test_small_pixels_have_checkpoints_of_their_own() -> None:
    fine = FineSampling(pixels_below_nm=8, checkpoints=("fine-net",), threshold=0.3)
    choice = Choice("spots", BOOKS["nuclei"].fast.model_copy(update={"fine": fine}), ())
    for voxel_size in (None, (3.0, 8.0, 8.0), (3.0, 5.0, 9.0)):
        assert choice.for_voxel_size(voxel_size) is choice
    for size in ((40.0, 7.9, 5.0), (None, 5.0, 5.0)):
        assert choice.for_voxel_size(size).recipe.checkpoints == ("fine-net",)
    assert (fine.words, replaced(fine).words) == (
        "pixels smaller than 8 nm",
        "sections less than 15 nm apart or pixels smaller than 8 nm",
    )


def replaced(fine: FineSampling) -> FineSampling:
    return fine.model_copy(update={"below_nm": 15})


def test_every_shipped_recipe_can_be_read() -> None:
    for quality in ("fast", "balanced", "accurate"):
        for choice in choose(["all"], quality):
            fine = choice.recipe.fine
            assert [c.header.name for c in choice.checkpoints] == list(choice.recipe.checkpoints)
            assert [c.header.name for c in choice.fine_checkpoints] == list(fine.checkpoints if fine else ())
            assert all(choice.object in c.header.objects for c in (*choice.checkpoints, *choice.fine_checkpoints))


def test_a_users_own_checkpoint_finds_outlines_where_the_shipped_recipe_does() -> None:
    own = {name: MODELS / f"{shipped_books()[name].fast.checkpoints[0]}.onnx" for name in ("membranes", "mitochondria")}
    for name, path in own.items():
        [choice] = choose([name], "fast", [path])
        assert choice.is_outline == (name == "membranes")
        assert choice.recipe.threshold == choice.checkpoints[0].header.threshold
    with pytest.raises(UnknownObject, match="none of the checkpoints given finds 'nuclei'; they find: membranes"):
        choose(["nuclei"], "fast", [own["membranes"]])


def test_every_checkpoint_of_a_recipe_has_its_file_and_its_card() -> None:
    for shipped in shipped_books().values():
        for name in checkpoints_of(shipped):
            assert (MODELS / f"{name}.onnx").exists()
            assert (MODELS / f"{name}.md").read_text().startswith("#")


def test_every_shipped_recipe_says_what_its_networks_were_trained_on() -> None:
    for name, book in shipped_books().items():
        assert book.trained_on, name
        assert not book.trained_on.endswith("."), name
        assert 0 < book.detail < 1, name


def test_thin_sections_have_a_training_of_their_own() -> None:
    [choice] = choose(["mitochondria"], "balanced")
    assert "FIB-SEM" in choice.for_voxel_size((5.0, 5.0, 5.0)).trained_on != choice.trained_on
    assert choice.for_voxel_size((50.0, 5.0, 5.0)).trained_on == choice.trained_on


def test_a_users_own_checkpoint_says_what_its_header_says() -> None:
    checkpoint = choose(["nuclei"], "fast")[0].checkpoints[0]
    sources = [{"images": "mine/a"}, {"images": "mine/b"}, {"images": "mine/a"}, {}]
    header = checkpoint.header.model_copy(update={"training": {"sources": sources}})
    assert trained_on(replace(checkpoint, header=header)) == "mine/a, mine/b"
    header = checkpoint.header.model_copy(update={"training": {}})
    assert trained_on(replace(checkpoint, header=header)) == ""
