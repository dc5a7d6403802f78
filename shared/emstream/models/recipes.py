"""Recipes: the checkpoints, variants, halo and threshold that find a structure, for each quality.

The shipped ones are in `emstream/models/shipped`, next to their checkpoints: `<structure>.recipe.json` and
`<name>.onnx`. Names of structures come from these files and from checkpoints' headers, never from a list in code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emstream.errors import CheckpointDamaged, UnknownObject
from emstream.models.checkpoint import Checkpoint, read_checkpoint

MODELS = Path(__file__).parent / "shipped"
Quality = Literal["fast", "balanced", "accurate"]
HaloMode = Literal["fast", "exact"]
ALL = "all"
"""Name that stands for every structure."""
VARIANTS: dict[Quality, Literal[1, 4, 16]] = {"fast": 1, "balanced": 4, "accurate": 16}
"""Number of turned and mirrored views averaged at each quality, where no recipe says otherwise."""


class FineSampling(BaseModel):
    """Part of a recipe for finely sampled stacks; it replaces the recipe's own values.

    A stack is one of these if its sections are less than `below_nm` apart (FIB-SEM), or its pixels smaller than
    `pixels_below_nm` (a field of tissue in which few nuclei lie whole).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    below_nm: float | None = Field(None, gt=0)
    pixels_below_nm: float | None = Field(None, gt=0)
    checkpoints: tuple[str, ...] = Field(min_length=1)
    threshold: float = Field(gt=0, lt=1)
    measured: str = ""
    trained_on: str = ""

    @property
    def words(self) -> str:
        """Return the stacks it is for, in words."""
        sections = f"sections less than {self.below_nm:g} nm apart" if self.below_nm else ""
        pixels = f"pixels smaller than {self.pixels_below_nm:g} nm" if self.pixels_below_nm else ""
        return " or ".join(filter(None, (sections, pixels)))

    def fits(self, voxel_size_nm: tuple[float | None, float, float] | None) -> bool:
        """Return whether a stack of this voxel size (z, y, x) is sampled that finely; what is unknown is not.

        >>> FineSampling(pixels_below_nm=8, checkpoints=("a",), threshold=0.5).fits((40, 5.9, 5.9))
        True
        """
        if voxel_size_nm is None:
            return False
        thickness, *pixel = voxel_size_nm
        is_thin = self.below_nm is not None and thickness is not None and thickness < self.below_nm
        return is_thin or (self.pixels_below_nm is not None and max(pixel) < self.pixels_below_nm)


class Recipe(BaseModel):
    """Way to find one structure at one quality. threshold: on the mean probability, 0..1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoints: tuple[str, ...] = Field(min_length=1)
    variants: Literal[1, 4, 16]
    halo: HaloMode
    threshold: float = Field(gt=0, lt=1)
    measured: str = ""
    fine: FineSampling | None = None


class RecipeBook(BaseModel):
    """One structure's recipes, as stored.

    is_default: it is found when no structure is named. is_outline: the profiles that it encloses in each section are
    counted and measured, not itself (membranes). grey_levels: the fewest of 256 that a stack of its training spans
    (percentiles 0.35 to 99.65); detail: the least share of its contrast that is finer than three pixels; 0 = not
    known. trained_on: the images of its training, in words, with what was not among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: str
    is_default: bool = False
    is_outline: bool = False
    grey_levels: int = Field(0, ge=0, le=256)
    detail: float = Field(0, ge=0, le=1)
    trained_on: str = ""
    fast: Recipe
    balanced: Recipe
    accurate: Recipe


@dataclass(frozen=True, slots=True)
class Choice:
    """A recipe with its checkpoints, read, also the ones for fine sampling. From is_outline on: see RecipeBook."""

    object: str
    recipe: Recipe
    checkpoints: tuple[Checkpoint, ...]
    is_outline: bool = False
    fine_checkpoints: tuple[Checkpoint, ...] = ()
    grey_levels: int = 0
    detail: float = 0.0
    trained_on: str = ""

    def for_voxel_size(self, voxel_size_nm: tuple[float | None, float, float] | None) -> Choice:
        """Return the choice for a stack of this voxel size (z, y, x)."""
        fine = self.recipe.fine
        if fine is None or not fine.fits(voxel_size_nm):
            return self
        replaced = {
            "checkpoints": fine.checkpoints,
            "threshold": fine.threshold,
            "measured": fine.measured,
            "fine": None,
        }
        return replace(
            self,
            recipe=self.recipe.model_copy(update=replaced),
            checkpoints=self.fine_checkpoints,
            trained_on=fine.trained_on or self.trained_on,
        )


def checkpoints_of(book: RecipeBook) -> set[str]:
    """Return the names of the checkpoints that any of the recipes uses."""
    recipes = (book.fast, book.balanced, book.accurate)
    return {name for r in recipes for name in (*r.checkpoints, *(r.fine.checkpoints if r.fine else ()))}


def shipped_books(folder: Path = MODELS) -> dict[str, RecipeBook]:
    """Return the recipes by name of structure. Raises CheckpointDamaged for a file that is no recipe."""
    books = {}
    for path in sorted(folder.glob("*.recipe.json")):
        try:
            book = RecipeBook.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise CheckpointDamaged(f"{path} is no recipe: {error}") from error
        books[book.object] = book
    return books


def outlines(folder: Path = MODELS) -> frozenset[str]:
    """Return the structures that their shipped recipes call outlines; a user's own checkpoint has no recipe to say so.

    >>> sorted(outlines())
    ['membranes']
    """
    return frozenset(name for name, book in shipped_books(folder).items() if book.is_outline)


def asked_for(objects: Sequence[str], books: Mapping[str, RecipeBook]) -> list[str]:
    """Return the names of the structures to find: the default if none is named, every one for `all`.

    Raises UnknownObject naming the ones that exist.
    """
    if ALL in objects:
        return list(books)
    for name in objects:
        if name not in books:
            raise UnknownObject(
                f"no recipe finds {name!r}; there are: {', '.join(books) or 'none'}. "
                f"Name some of these, or {ALL!r}, or give a checkpoint that finds it"
            )
    defaults = [name for name, book in books.items() if book.is_default] or list(books)
    return list(objects) or defaults[:1]


def choose(objects: Sequence[str], quality: Quality, own: Sequence[Path] = (), folder: Path = MODELS) -> list[Choice]:
    """Return a choice per structure: from the user's `own` checkpoints if given, else from the shipped recipes.

    No structure named means every structure of the own checkpoints, else the default one; `all` means all.
    Raises UnknownObject naming the ones that exist.
    """
    if own:
        return _from_own(objects, quality, [read_checkpoint(path) for path in own], outlines(folder))
    books = shipped_books(folder)
    choices = []
    for name in asked_for(objects, books):
        book = books[name]
        recipe: Recipe = getattr(book, quality)
        own_and_fine = (recipe.checkpoints, recipe.fine.checkpoints if recipe.fine else ())
        checkpoints, fine = (tuple(read_checkpoint(folder / f"{c}.onnx") for c in names) for names in own_and_fine)
        facts = (book.is_outline, fine, book.grey_levels, book.detail, book.trained_on)
        choices.append(Choice(name, recipe, checkpoints, *facts))
    return choices


def _from_own(
    objects: Sequence[str], quality: Quality, checkpoints: list[Checkpoint], outlined: frozenset[str]
) -> list[Choice]:
    known = list(dict.fromkeys(name for c in checkpoints for name in c.header.objects))
    choices = []
    for name in known if ALL in objects else objects or known:
        members = tuple(c for c in checkpoints if name in c.header.objects)
        if not members:
            raise UnknownObject(f"none of the checkpoints given finds {name!r}; they find: {', '.join(known)}")
        threshold = sum(c.header.threshold for c in members) / len(members)
        names = tuple(c.header.name for c in members)
        recipe = Recipe(checkpoints=names, variants=VARIANTS[quality], halo="fast", threshold=threshold)
        described = list(dict.fromkeys(words for c in members if (words := trained_on(c))))
        choices.append(Choice(name, recipe, members, name in outlined, trained_on="; ".join(described)))
    return choices


def trained_on(checkpoint: Checkpoint) -> str:
    """Return the images that a user's own checkpoint was trained on; empty if its header does not say."""
    sources = checkpoint.header.training.get("sources")
    named = [str(source.get("images") or "") for source in sources] if isinstance(sources, list) else []
    return ", ".join(dict.fromkeys(name for name in named if name))
