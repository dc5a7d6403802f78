"""The service itself: its recipes, formats, stages, health and timelines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emstream.api.schemas import Reply
from emstream.jobs.export_formats import Content, Form
from emstream.models.recipes import FineSampling, HaloMode, Quality


class RecipeState(Reply):
    """Recipe of a structure at one quality."""

    object: str
    quality: Quality
    checkpoints: list[str]
    variants: int
    halo: HaloMode
    threshold: float
    measured: str
    trained_on: str = Field(description="The images of its networks' training, in words.")
    fine: FineSampling | None = Field(None, description="Used instead for stacks that are sampled more finely.")
    words: str = Field(description="The quality in words, for the user.")
    is_default: bool = Field(description="Found when a job names no object.")


class Recipes(Reply):
    """Recipes of all structures."""

    models: list[RecipeState]


class Estimate(Reply):
    """Time that a job would take, start to end. seconds: null before the first completed job."""

    seconds: float | None
    based_on: str


class StackFormatState(Reply):
    """A format that is read."""

    kind: str
    suffixes: list[str] = Field(description="In lower case, with the dot.")
    is_image: bool = Field(description="A file may be one section of a folder of sections.")
    is_stack: bool = Field(description="A file may hold a stack. One that is no image is a sample in a folder, too.")


class ExportFormatState(Reply):
    """A format of exports. hint: programs that read it, or its structure."""

    name: Form
    title: str
    hint: str
    contents: list[Content] = Field(description="What it can hold.")
    exact: list[Content] = Field(description="The contents whose values it keeps.")


class Formats(Reply):
    """The formats. clutter: names of files that are in no stack, in lower case; so are hidden files.

    stages: the stages that progress is shown of, in flow order.
    """

    stacks: list[StackFormatState]
    exports: list[ExportFormatState]
    clutter: list[str]
    stages: list[str]


class Health(Reply):
    """Health of the service. failing: the failing parts, each with a sentence."""

    status: Literal["ok", "failing"]
    failing: dict[str, str] = Field({})


class Span(Reply):
    """When a worker worked on a unit of a job: seconds since the epoch."""

    job: str
    unit: int
    start: float
    stop: float


class Begun(Reply):
    """Since when a worker has worked on a unit of a job: seconds since the epoch."""

    job: str
    unit: int
    start: float


class Timeline(Reply):
    """The three lanes: which kind of worker worked on which sample, when.

    at_work: units that a worker holds now, by its lease; empty while the broker does not answer. A worker that was
    killed is here until its lease runs out, some seconds.
    """

    lanes: dict[str, list[Span]]
    at_work: dict[str, list[Begun]]
