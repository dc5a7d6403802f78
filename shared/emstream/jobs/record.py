"""A job's record, job.json: the request, the plan, the uploaded files, and the engine that predicts."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from emstream.ledger.terms import JobShape
from emstream.models.recipes import HaloMode, Quality
from emstream.settings import CORE_SIDE, SLAB_SECTIONS
from emstream.volume.geometry import Package, Slab, Tiling, plan_packages, plan_slabs
from emstream.volume.voxel_size import VoxelSize

Voxel = Annotated[VoxelSize, AfterValidator(lambda size: (size[0] or None, size[1], size[2]))]
"""A voxel size. Files of earlier versions say 0 where the section thickness is not known."""
GivenVoxel = tuple[float | None, float | None, float | None]
"""The edges (z, y, x) that the user gives, nm; the input's own stand where there is None."""
Region = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Start and stop of a box, each (z, y, x), stop one past the end."""
RAW = "raw/s0"
"""Data set of a slab's file: its sections (z, y, x)."""
HALO = "halo"
"""Data set of a slab's file: the sections above it, then those below, (2 * HALO_SECTIONS, y, x)."""


class Record(BaseModel):
    """Base of what job.json holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(Record):
    """The user's choices; with the input's identity they decide every byte of the masks on one machine.

    unequal_pixels: y and x of the voxel size may differ more than 1.5 times. measure: number and measure objects of at
    least min_voxels voxels. split_touching: cut them where they are narrow.
    """

    input: str
    dataset: str | None = None
    region: Region | None = None
    objects: tuple[str, ...] = ()
    quality: Quality = "balanced"
    checkpoints: tuple[str, ...] = ()
    voxel_size_nm: GivenVoxel | None = None
    unequal_pixels: bool = False
    halo: HaloMode | None = None
    variants: Literal[1, 4, 16] | None = None
    threshold: float | None = None
    contrast_stretch: bool = False
    spread: bool = False
    measure: bool = True
    min_voxels: int = 64
    split_touching: bool = False
    slab_sections: int = SLAB_SECTIONS
    core_side: int = CORE_SIDE


class Member(Record):
    """A checkpoint in a grid. objects: the outputs that the job wants."""

    name: str
    path: str
    sha256: str
    sections: int
    objects: tuple[str, ...]


class Grid(Record):
    """Sections at one pixel size, with the checkpoints that look at them. scale 1 = the stack as delivered."""

    size_yx: tuple[int, int]
    pixel_size_nm: float | None
    is_resampled: bool
    halo: int
    alignment: int
    members: tuple[Member, ...]


class Plan(Record):
    """Findings and decisions of the plan step.

    grey_low, grey_high: values that become 0 and 255. section_names: of the first and the last section.
    offset_zyx: of the region's first voxel in the stack as delivered. outlines: objects that enclose what is counted
    and measured (membranes). trained_on: the images that each object's networks were trained on, in words.
    """

    shape_zyx: tuple[int, int, int]
    dtype: str
    source: str
    section_names: tuple[str, ...]
    voxel_size_nm: Voxel | None
    voxel_size_source: str
    grey_low: float
    grey_high: float
    is_constant: bool
    slab_sections: int
    core_side: int
    variants: int
    grids: tuple[Grid, ...]
    thresholds: dict[str, float]
    warnings: tuple[str, ...]
    offset_zyx: tuple[int, int, int] = (0, 0, 0)
    outlines: tuple[str, ...] = ()
    trained_on: dict[str, str] = {}

    @property
    def slabs(self) -> list[Slab]:
        """The stack's slabs."""
        return plan_slabs(self.shape_zyx[0], self.slab_sections)

    @property
    def tilings(self) -> list[Tiling]:
        """One tiling per grid."""
        return [Tiling(g.size_yx, g.halo, g.alignment, self.core_side) for g in self.grids]

    @property
    def grid_datasets(self) -> list[tuple[str, str]]:
        """Per grid the data sets of a slab's file with its sections and halo sections."""
        return [
            (f"grid{i}/{RAW}", f"grid{i}/{HALO}") if g.is_resampled else (RAW, HALO) for i, g in enumerate(self.grids)
        ]

    @property
    def packages_per_slab(self) -> int:
        """Packages of all grids in one slab."""
        return sum(t.blocks_yx[0] * t.blocks_yx[1] for t in self.tilings)

    @property
    def job_shape(self) -> JobShape:
        """Numbers of slabs and packages, for the ledger."""
        return JobShape(len(self.slabs), self.packages_per_slab)

    def packages(self, slab: Slab) -> list[Package]:
        """Return a slab's packages, grid after grid, numbered through the job."""
        packages: list[Package] = []
        first = slab.index * self.packages_per_slab
        for grid, tiling in enumerate(self.tilings):
            packages += plan_packages(slab, grid, tiling, first + len(packages))
        return packages

    def package(self, index: int) -> tuple[Slab, Package]:
        """Return package `index` and its slab."""
        slab = self.slabs[index // self.packages_per_slab]
        return slab, self.packages(slab)[index % self.packages_per_slab]

    @property
    def objects(self) -> list[str]:
        """Objects in the order asked for."""
        return list(self.thresholds)


class InputFile(Record):
    """An uploaded file. name: as the user called it, which is data only; stored: its path within the job's folder."""

    name: str
    stored: str
    size: int
    sha256: str


class JobRecord(Record):
    """The whole of job.json. name: of the sample; created: seconds since the epoch.

    formats: of the masks that are made without being asked for.
    """

    version: Literal[1] = 1
    id: str
    owner: str
    name: str = ""
    created: float = 0.0
    request: Request
    files: tuple[InputFile, ...] = ()
    formats: tuple[str, ...] = ("h5",)
    input_identity: str = ""
    fingerprint: dict[str, str] = {}
    plan: Plan | None = None

    @property
    def planned(self) -> PlannedJob | None:
        """The record as that of a planned job, or None as long as there is no plan."""
        return None if self.plan is None else self.with_plan(self.plan)

    def with_plan(self, plan: Plan) -> PlannedJob:
        """Return the record with its plan; everything else stays."""
        return PlannedJob.model_construct(**{**dict(self), "plan": plan})


class PlannedJob(JobRecord):
    """The record of a job whose plan is there. Not equal to the same record read as a JobRecord: compare like kinds."""

    plan: Plan


def input_identity(path: Path) -> str:
    """Return a hash of the input's file names, sizes and times: changes when the input does, without reading it."""
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        facts = file.stat()
        digest.update(f"{file.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
