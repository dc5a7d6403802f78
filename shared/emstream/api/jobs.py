"""Jobs: their settings, files, inspections before the start, and how they stand."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from emstream.api.schemas import SAMPLE_ID, Corner, Edge, Given, ObjectName, Reply, State
from emstream.errors import WrongVoxelSize
from emstream.jobs.record import Request, Voxel
from emstream.models.recipes import HaloMode, Quality
from emstream.volume.voxel_size import doubt_about, voxel_size_given

Format = Literal["h5", "tiff", "png"]


class JobSettings(Given):
    """Settings of a job; every field has a default."""

    dataset: str | None = Field(None, max_length=1000, description="Data set inside an HDF5 file.")
    region: tuple[Corner, Corner] | None = Field(
        None, description="Only the box from the first to the second corner, each (z, y, x), the second excluded."
    )
    objects: tuple[ObjectName, ...] = Field(
        (), max_length=32, description="Structures to find; empty = mitochondria, all = all structures of /v1/models."
    )
    quality: Quality = Field("balanced", description="fast: 1 variant, balanced: 4, accurate: 16.")
    voxel_size_nm: tuple[Edge | None, Edge | None, Edge | None] | None = Field(
        None, description="(z, y, x), over the input's own, which stands where there is null."
    )
    unequal_pixels: bool = Field(False, description="Confirm that y and x of the voxel size differ over 1.5 times.")
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

    def check_voxel_size(self) -> None:
        """Raise WrongVoxelSize if the voxel size has to be confirmed."""
        size = voxel_size_given(self.voxel_size_nm)
        doubt = None if size is None or self.unequal_pixels else doubt_about(size)
        if doubt:
            raise WrongVoxelSize(doubt)

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
        True, description="false: a job with `input` waits until POST .../start, so that it can be inspected before."
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


class FileState(Reply):
    """An uploaded file. sha256: once the file is complete."""

    name: str
    size: int | None
    received: int
    sha256: str | None = None


class StageCount(Reply):
    """Units of a stage; total is 0 while it is unknown."""

    done: int
    total: int


class UnitError(Reply):
    """A unit that failed and is not tried again."""

    stage: str
    unit: int
    sentence: str


class FileTotals(Reply):
    """A job's files, counted. size: of the files of known size; first, last: names, in their order."""

    count: int
    size: int
    received: int
    first: str | None = None
    last: str | None = None


class ListedJob(Reply):
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
    warnings: tuple[str, ...]
    errors: tuple[UnitError, ...]
    shape_zyx: tuple[int, int, int] | None
    voxel_size_nm: Voxel | None
    objects: tuple[str, ...]
    links: dict[str, str]


class Job(ListedJob):
    """A job as it stands, with its files."""

    files: tuple[FileState, ...]


class Jobs(Reply):
    """Several jobs."""

    jobs: tuple[Job, ...]


class JobList(Reply):
    """Several jobs, without their files: there may be thousands of each."""

    jobs: tuple[ListedJob, ...]


class DatasetState(Reply):
    """A data set of an HDF5 file that may be the stack."""

    name: str
    shape: list[int]
    dtype: str


class Inspected(Reply):
    """Result of an inspection. sections: the names of at most the first 500, in their order."""

    shape_zyx: tuple[int, int, int]
    dtype: str
    dataset: str | None
    datasets: list[DatasetState]
    voxel_size_nm: Voxel | None
    voxel_size_source: str
    voxel_size_doubt: str | None
    sections: list[str]
    source: str
    warnings: list[str]


class Inspecting(Reply):
    """A worker inspects the files: ask again."""

    state: Literal["working"] = "working"
