"""What the API takes and gives, as pydantic models; also the source of the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from emstream.jobs.export_formats import Content, Form
from emstream.jobs.record import Request, Voxel
from emstream.models.recipes import HaloMode, Quality, ThinSections

Format = Literal["h5", "tiff", "png"]
State = Literal["uploading", "queued", "running", "completed", "completed_with_errors", "failed", "cancelled"]
OVER: frozenset[State] = frozenset({"completed", "completed_with_errors", "failed", "cancelled"})
SAMPLE_ID = "6f1c0d5a3b9e4f8e9a7b1c2d3e4f5a6b"

Edge = Annotated[float, Field(gt=0, lt=1e6, allow_inf_nan=False)]
Coordinate = Annotated[int, Field(ge=0, lt=2**31)]
Corner = tuple[Coordinate, Coordinate, Coordinate]
ObjectName = Annotated[str, Field(min_length=1, max_length=100)]


class Given(BaseModel):
    """Base of what callers send: unknown fields are refused, as they would be silently without effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobSettings(Given):
    """How a job is done; every field has a default."""

    dataset: str | None = Field(None, max_length=1000, description="Data set inside an HDF5 file.")
    region: tuple[Corner, Corner] | None = Field(
        None, description="Only the box from the first to the second corner, each (z, y, x), the second excluded."
    )
    objects: tuple[ObjectName, ...] = Field(
        (), max_length=32, description="What to find; empty = mitochondria, all = everything that /v1/models lists."
    )
    quality: Quality = Field("balanced", description="fast: 1 variant, balanced: 4, accurate: 16.")
    voxel_size_nm: tuple[Edge, Edge, Edge] | None = Field(None, description="(z, y, x), over the input's own.")
    halo: HaloMode | None = Field(None, description="exact: tiled equals untiled. Default: the recipe's.")
    variants: Literal[1, 4, 16] | None = Field(None, description="Views averaged. Default: the quality's.")
    threshold: float | None = Field(None, ge=0.004, le=0.996, description="On the probability. Default: the recipe's.")
    contrast_stretch: bool = Field(False, description="Stretch 8-bit grey values, too: one range for the whole stack.")
    spread: bool = Field(False, description="Also keep how far the variants disagree.")
    measure: bool = Field(True, description="Number and measure the objects.")
    min_voxels: int = Field(64, ge=1, le=2**40, description="Smaller objects are not counted; the mask keeps them.")
    split_touching: bool = Field(False, description="Cut objects that touch where they are narrow.")
    formats: tuple[Format, ...] = Field(("h5",), max_length=3, description="Files made with the job; others on demand.")

    @model_validator(mode="after")
    def _names_each_object_once(self) -> JobSettings:
        if len(set(self.objects)) != len(self.objects):
            raise ValueError("name each object once")
        return self

    def request(self, source: str, slab_sections: int, core_side: int) -> Request:
        """Return the job's request. source: the input, a path on the server, or relative to the job's folder."""
        fields = self.model_dump(exclude={"formats"})
        return Request(input=source, slab_sections=slab_sections, core_side=core_side, **fields)


def settings_of(request: Request, formats: tuple[str, ...]) -> JobSettings:
    """Return a job's settings as the API shows them."""
    names = set(JobSettings.model_fields) - {"formats"}
    return JobSettings.model_validate({**request.model_dump(include=names), "formats": formats})


class Announced(Given):
    """A file that will be uploaded."""

    name: str = Field(min_length=1, max_length=4096)
    size: int | None = Field(None, ge=0, le=2**53)


class NewJob(Given):
    """A job to be made; its files follow by PUT, unless `input` names a path on the server."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "cortex 12",
                    "settings": {"objects": ["mitochondria"], "quality": "fast", "voxel_size_nm": [40, 8, 8]},
                    "files": [{"name": "s001.png", "size": 1048576}],
                }
            ]
        }
    )

    name: str = Field("", max_length=200)
    settings: JobSettings = JobSettings()
    files: tuple[Announced, ...] = ()
    input: str | None = Field(None, min_length=1, max_length=4096, description="Path under EMSTREAM_INPUT_ROOTS.")
    start: bool = Field(
        True, description="false: a job with `input` waits until POST .../start, so that it can be looked at before."
    )
    input_of: str | None = Field(
        None, max_length=40, description="Id of a job of this key on whose files the new one works, too: it starts now."
    )

    @model_validator(mode="after")
    def _has_one_input(self) -> NewJob:
        if bool(self.files) + (self.input is not None) + (self.input_of is not None) > 1:
            raise ValueError("give one of files, input, and input_of")
        if not self.start and self.input_of is not None:
            raise ValueError("a job with input_of starts at once: leave start out")
        return self


class FileState(BaseModel):
    """An uploaded file. sha256: of what has arrived, once it is whole."""

    name: str
    size: int | None
    received: int
    sha256: str | None = None


class StageCount(BaseModel):
    """Units of a stage; total 0 while it is not known."""

    done: int
    total: int


class UnitError(BaseModel):
    """A unit that failed for good."""

    stage: str
    unit: int
    sentence: str


class FileTotals(BaseModel):
    """A job's files, counted. size: of those whose size is known; first, last: names, in their order."""

    count: int
    size: int
    received: int
    first: str | None = None
    last: str | None = None


class ListedJob(BaseModel):
    """A job as it stands, in a list or an event. input: the path on the server that it works on, if it has no files."""

    id: str = Field(examples=[SAMPLE_ID])
    name: str
    state: State
    created: float = Field(description="Seconds since the epoch.")
    owner: str
    settings: JobSettings
    input: str | None
    file_totals: FileTotals
    stages: dict[str, StageCount]
    progress: float = Field(ge=0, le=1)
    eta_s: float | None = Field(description="Seconds still needed, once there is a rate.")
    warnings: list[str]
    errors: list[UnitError]
    shape_zyx: tuple[int, int, int] | None
    voxel_size_nm: Voxel | None
    objects: list[str]
    links: dict[str, str]


class Job(ListedJob):
    """A job as it stands, with its files."""

    files: list[FileState]


class Jobs(BaseModel):
    """Several jobs."""

    jobs: list[Job]


class JobList(BaseModel):
    """Several jobs, without their files: there may be thousands of each."""

    jobs: list[ListedJob]


class ExportWish(Given):
    """What is to be saved of a job that is done."""

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


class ExportState(BaseModel):
    """An export as it stands. links.self: the file, once it is done. sentence: why it failed."""

    id: str
    state: Literal["waiting", "working", "done", "failed"]
    progress: float = Field(ge=0, le=1)
    content: Content
    objects: list[str]
    combined: bool
    z: tuple[int, int]
    format: Form
    name: str = Field(description="To save the file under.")
    size: int | None
    sentence: str | None
    links: dict[str, str]


class Exports(BaseModel):
    """A job's exports."""

    exports: list[ExportState]


class Span(BaseModel):
    """When a worker worked on a unit of a job: seconds since the epoch."""

    job: str
    unit: int
    start: float
    stop: float


class Begun(BaseModel):
    """Since when a worker has worked on a unit of a job: seconds since the epoch."""

    job: str
    unit: int
    start: float


class Timeline(BaseModel):
    """The three lanes: which kind of worker worked on which sample, when.

    at_work: units that a worker holds now, by its lease; empty while the broker does not answer. A worker that was
    killed is here until its lease runs out, some seconds.
    """

    lanes: dict[str, list[Span]]
    at_work: dict[str, list[Begun]]


class DatasetState(BaseModel):
    """A data set of an HDF5 file that may be the stack."""

    name: str
    shape: list[int]
    dtype: str


class Inspected(BaseModel):
    """What a worker found in a job's files. sections: the names of at most the first 500, in their order."""

    shape_zyx: tuple[int, int, int]
    dtype: str
    dataset: str | None
    datasets: list[DatasetState]
    voxel_size_nm: Voxel | None
    voxel_size_source: str
    sections: list[str]
    source: str
    warnings: list[str]


class Inspecting(BaseModel):
    """A worker looks at the files: ask again."""

    state: Literal["working"] = "working"


class Estimate(BaseModel):
    """How long a job would take, start to end. seconds: null as long as nothing like it was done here."""

    seconds: float | None
    based_on: str


class SeenObject(BaseModel):
    """An object as it is drawn. has_spread: the job stored it; else it is 4p(1-p). colour: "#rrggbb"."""

    name: str
    threshold: float
    has_spread: bool
    has_labels: bool
    colour: str


class View(BaseModel):
    """What there is to see of a job. Ranges of sections are half-open; version: goes into the tiles' addresses."""

    name: str
    state: State
    shape_zyx: tuple[int, int, int]
    voxel_size_nm: Voxel | None
    voxel_size_source: str
    levels: int = Field(description="Of the pyramid: 0 is full size, each further one half of it.")
    tile: int = Field(description="Side of a tile in pixels; those at the right and lower edge are smaller.")
    version: str
    sections_read: list[tuple[int, int]]
    sections_stitched: list[tuple[int, int]]
    objects: list[SeenObject]
    section_names: list[str] = Field(description="Of the first and the last section.")


class RecipeState(BaseModel):
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


class Recipes(BaseModel):
    """What can be found."""

    models: list[RecipeState]


class ColumnState(BaseModel):
    """A column of measurements."""

    name: str
    unit: str
    meaning: str


class Measurements(BaseModel):
    """Objects of one kind, a page of them, and what holds for all together."""

    object: str
    voxel_size_nm: Voxel | None
    total: int = Field(description="Objects there are, of which this is a page.")
    volume_fraction: float = Field(description="Share of the volume that they fill.")
    dropped: int = Field(description="Objects that were too small to count.")
    columns: list[ColumnState]
    rows: list[dict[str, int | float | bool]]


class UnsureObject(BaseModel):
    """An object that should be looked at. z, y, x: a voxel's, near its middle; box: first and stop corner."""

    id: int
    uncertainty: float
    z: int
    y: int
    x: int
    box: tuple[Corner, Corner]


class Unsure(BaseModel):
    """Objects that the networks are least sure of, first the least sure."""

    object: str
    rows: list[UnsureObject]


class Spot(BaseModel):
    """What one object's layers hold at a voxel. label: null where none is numbered, or nothing is yet."""

    probability: float
    label: int | None


class Spots(BaseModel):
    """What lies at a voxel, by object."""

    objects: dict[str, Spot]


Threshold = Annotated[float, Field(ge=0.004, le=0.996, allow_inf_nan=False)]


class Thresholds(RootModel[dict[ObjectName, Threshold]]):
    """A threshold on the probability, by object; objects that are left out keep theirs."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"mitochondria": 0.6}]})


class Health(BaseModel):
    """Whether the parts work; failing: the names of those that do not."""

    status: Literal["ok", "failing"]
    failing: dict[str, str] = {}
