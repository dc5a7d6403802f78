"""Recipes by object and quality, and estimates of a job's time."""

from __future__ import annotations

from pydantic import Field

from emstream.api.schemas import Reply
from emstream.models.recipes import HaloMode, Quality, ThinSections


class RecipeState(Reply):
    """How an object is found at one quality."""

    object: str
    quality: Quality
    checkpoints: list[str]
    variants: int
    halo: HaloMode
    threshold: float
    measured: str
    thin: ThinSections | None = Field(None, description="Taken instead where sections are closer than that.")
    words: str = Field(description="What the quality means, for the user.")
    is_default: bool = Field(description="Found when a job names no object.")


class Recipes(Reply):
    """What can be found."""

    models: list[RecipeState]


class Estimate(Reply):
    """How long a job would take, start to end. seconds: null as long as nothing like it was done here."""

    seconds: float | None
    based_on: str
