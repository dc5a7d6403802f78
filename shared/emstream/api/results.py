"""Results of a job: its view, objects with their measurements, thresholds, and exports."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel

from emstream.api.schemas import Coordinate, Corner, Given, ObjectName, Reply, State
from emstream.jobs.export_formats import Content, Form
from emstream.jobs.record import Voxel


class ColumnState(Reply):
    """A column of measurements."""

    name: str
    unit: str
    meaning: str


class Measurements(Reply):
    """Objects of one structure, a page of them, and facts of all together."""

    object: str
    voxel_size_nm: Voxel | None
    total: int = Field(description="Number of objects, of which this is a page.")
    counted: str = Field("bodies", description="What is counted: bodies, or the profiles that membranes enclose.")
    volume_fraction: float = Field(description="Share of the volume that they fill.")
    structure_fraction: float | None = Field(
        None, description="Share of the volume that is structure: of membranes themselves, not of what they enclose."
    )
    dropped: int = Field(description="Objects that were too small to count.")
    columns: list[ColumnState]
    rows: list[dict[str, int | float | bool | None]] = Field(
        description="By column; null = cannot be said, as the surface of an object that is too small."
    )


class UnsureObject(Reply):
    """An object that should be checked. z, y, x: a voxel near its middle; box: first and stop corner."""

    id: int
    uncertainty: float
    z: int
    y: int
    x: int
    box: tuple[Corner, Corner]


class Unsure(Reply):
    """The most uncertain objects, the most uncertain first."""

    object: str
    rows: list[UnsureObject]


class Spot(Reply):
    """Values of a structure's layers at a voxel. label: null without an object, or before objects are numbered."""

    probability: float
    label: int | None


class Spots(Reply):
    """Values at a voxel, by structure."""

    objects: dict[str, Spot]


Threshold = Annotated[float, Field(ge=0.004, le=0.996, allow_inf_nan=False)]


class Thresholds(RootModel[dict[ObjectName, Threshold]]):
    """A threshold on the probability, by object; structures that are left out keep theirs."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"mitochondria": 0.6}]})


class SeenObject(Reply):
    """An object as it is drawn. has_spread: the job stored it; else it is 4p(1-p). colour: "#rrggbb".

    trained_on: the images of its networks' training, in words; empty if it is not known.
    """

    name: str
    threshold: float
    has_spread: bool
    has_labels: bool
    colour: str
    trained_on: str = ""


class View(Reply):
    """Contents of a job. Ranges of sections are half-open; version: goes into the tiles' addresses."""

    name: str
    state: State
    shape_zyx: tuple[int, int, int]
    voxel_size_nm: Voxel | None
    voxel_size_source: str
    levels: int = Field(description="Of the pyramid: 0 is full size, each further one half of it.")
    tile: int = Field(description="Side of a tile in pixels; tiles at the right and lower edge are smaller.")
    version: str
    sections_read: list[tuple[int, int]]
    sections_stitched: list[tuple[int, int]]
    objects: list[SeenObject]
    section_names: list[str] = Field(description="Of the first and the last section.")
    thresholds_tag: str = Field("", description="If-Match of PUT thresholds: refused if they were changed meanwhile.")
    warnings: list[str] = Field([], description="What is to be known when the result is judged.")


class ExportWish(Given):
    """Order of an export: the contents of a completed job to save."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"content": "overlay", "objects": ["mitochondria"], "z": [0, 10], "format": "jpeg"}]
        }
    )

    content: Content = Field("mask", description="overlay: the sections with the masks in colour; original: as read.")
    objects: tuple[ObjectName, ...] | None = Field(None, max_length=32, description="Default: all.")
    combined: bool = Field(False, description="All objects in one volume, rather than each in its own.")
    z: tuple[Coordinate, Coordinate] | None = Field(None, description="First section, and the one past the last.")
    format: Form = Field("h5", description="png, jpeg, raw, zarr: a ZIP.")


class ExportState(Reply):
    """An export as it stands. links.self: the file, once it is done. sentence: why it failed."""

    id: str
    state: Literal["waiting", "working", "done", "failed"]
    progress: float = Field(ge=0, le=1)
    content: Content
    objects: tuple[str, ...]
    combined: bool
    z: tuple[int, int]
    format: Form
    name: str = Field(description="To save the file under.")
    size: int | None
    sentence: str | None
    links: dict[str, str]


class Exports(Reply):
    """A job's exports."""

    exports: tuple[ExportState, ...]
