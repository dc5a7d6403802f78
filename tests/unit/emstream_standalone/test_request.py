"""From a user's wishes to a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import UnknownObject, UsageError
from emstream.settings import Settings
from emstream_standalone.request import VARIANTS, chosen, make_request

STACK = Path("/stack")


def test_the_cut_comes_from_the_settings_and_nothing_is_measured() -> None:
    request = make_request(STACK, Settings(slab_sections=4, core_side=256))
    assert (request.input, request.slab_sections, request.core_side) == ("/stack", 4, 256)
    assert not request.measure


def test_wishes_are_fields_of_the_request() -> None:
    request = make_request(STACK, Settings(), measure=True, quality="fast", objects=("nuclei",))
    assert (request.measure, request.quality, request.objects) == (True, "fast", ("nuclei",))


def test_a_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_request(Path("stack"), Settings()).input == str(tmp_path / "stack")


@pytest.mark.parametrize("variants", [None, *VARIANTS])
def test_numbers_of_variants_that_exist_are_allowed(variants: int | None) -> None:
    assert make_request(STACK, Settings(), variants=variants).variants == variants


@pytest.mark.parametrize("variants", [0, 2, 8, 17])
def test_other_numbers_of_variants_are_refused(variants: int) -> None:
    with pytest.raises(UsageError, match=f"--variants must be 1, 4 or 16, got {variants}"):
        make_request(STACK, Settings(), variants=variants)


def test_the_shipped_recipe_is_chosen_unless_the_structure_is_unknown() -> None:
    [choice] = chosen(make_request(STACK, Settings(), quality="fast"), Settings())
    assert (choice.object, choice.recipe.variants) == ("mitochondria", 1)
    with pytest.raises(UnknownObject, match="unicorns"):
        chosen(make_request(STACK, Settings(), objects=("unicorns",)), Settings())
