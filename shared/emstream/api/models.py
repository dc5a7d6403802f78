"""Recipes by object and quality, and estimates of a job's time."""

from __future__ import annotations

from pydantic import Field

from emstream.api.schemas import Reply
from emstream.models.recipes import HaloMode, Quality, ThinSections


class RecipeState(Reply):
    """Recipe of a structure at one quality."""

    object: str
    quality: Quality
    checkpoints: list[str]
    variants: int
    halo: HaloMode
    threshold: float
    measured: str
    thin: ThinSections | None = Field(None, description="Used instead where sections are closer than that.")
    words: str = Field(description="The quality in words, for the user.")
    is_default: bool = Field(description="Found when a job names no object.")


class Recipes(Reply):
    """Recipes of all structures."""

    models: list[RecipeState]


class Estimate(Reply):
    """Time that a job would take, start to end. seconds: null before the first completed job."""

    seconds: float | None
    based_on: str
