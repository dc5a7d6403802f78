"""A job on disk: the request, the plan, the fingerprint, and where each of its files lies.

    <folder>/job.json                 this record, written in one step; in the service, its presence means: started
             input/                   uploaded files under generated names
             fingerprint.json         of the first worker that predicts for the job; the others must have the same
             cancelled                present once the job is cancelled
             failure.json             the sentence of a job that cannot be planned or finished
             report.json              the job is finished; with the sentences of units that failed
             exports/                 mask.h5 and other files for the user; what was ordered: see export_shelf
             timeline.jsonl           one line per finished unit (appended: rewriting job.json grows with the square)
             stack/<slab>.h5          raw sections of a slab, their pyramid, halo sections, resampled copies
             probability/<package>.h5 per object, core only; deleted once its slab is stitched
             result/<slab>.h5         per object: probability pyramid, mask, optional spread pyramid
             objects/<slab>.h5        per object: pieces of the slab with their sums, and its end faces
             objects/joined.h5        per object: which pieces are which object, and the objects' sums
             labels/<slab>.h5         per object `<object>/labels`: numbers of objects, uint32
             measurements/            per object a table as CSV, Parquet, and HDF5 (columns)
             meshes/                  surfaces of single objects

The disk is the truth at rest: `done_units` reads from the file names what is finished.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from emstream.errors import VolumeDamaged
from emstream.ledger.terms import Found, JobShape
from emstream.models.recipes import HaloMode, Quality
from emstream.volume.files import write_bytes
from emstream.volume.geometry import Package, Slab, Tiling, plan_packages, plan_slabs

Voxel = tuple[float, float, float]
Region = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Start and stop of a box, each (z, y, x), stop one past the end."""
WORK = ".emstream"
"""Folder inside the output folder of `emstream predict` with the job's working files; deleted when it is done."""
RAW = "raw/s0"
"""Data set of a slab's file: its sections (z, y, x)."""
HALO = "halo"
"""Data set of a slab's file: the sections above it, then those below, (2 * HALO_SECTIONS, y, x)."""


class Record(BaseModel):
    """Base of what job.json holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(Record):
    """What the user asked for; with the input's identity it decides every byte of the masks on one machine.

    measure: number and measure objects of at least min_voxels voxels. split_touching: cut them where they are narrow.
    """

    input: str
    dataset: str | None = None
    region: Region | None = None
    objects: tuple[str, ...] = ()
    quality: Quality = "balanced"
    checkpoints: tuple[str, ...] = ()
    voxel_size_nm: Voxel | None = None
    halo: HaloMode | None = None
    variants: Literal[1, 4, 16] | None = None
    threshold: float | None = None
    contrast_stretch: bool = False
    spread: bool = False
    measure: bool = True
    min_voxels: int = 64
    split_touching: bool = False
    slab_sections: int = 32
    core_side: int = 1024


class Member(Record):
    """A checkpoint in a grid. objects: those of its outputs that the job wants."""

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
    """What the plan step found and decided.

    grey_low, grey_high: values that become 0 and 255. section_names: of the first and the last section.
    offset_zyx: of the region's first voxel in the stack as delivered. outlines: of the objects those that enclose what
    is counted and measured (membranes).
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
        """What the ledger needs to know."""
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


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The paths of a job."""

    path: Path

    @property
    def record_path(self) -> Path:
        """job.json."""
        return self.path / "job.json"

    @property
    def timeline_path(self) -> Path:
        """timeline.jsonl."""
        return self.path / "timeline.jsonl"

    @property
    def fingerprint_path(self) -> Path:
        """fingerprint.json."""
        return self.path / "fingerprint.json"

    @property
    def cancelled_path(self) -> Path:
        """The mark of a cancelled job."""
        return self.path / "cancelled"

    @property
    def failure_path(self) -> Path:
        """failure.json."""
        return self.path / "failure.json"

    @property
    def report_path(self) -> Path:
        """report.json."""
        return self.path / "report.json"

    @property
    def exports(self) -> Path:
        """Folder of what the user downloads."""
        return self.path / "exports"

    def found(self) -> Found:
        """Return what the disk shows as done, for the ledger."""
        record = self.read()
        if record is None or record.plan is None:
            return Found()
        slabs, packages, results = (frozenset(self.done_units(k)) for k in ("stack", "probability", "result"))
        return Found(record.plan.job_shape, slabs, packages, results, self.report_path.exists())

    def stack(self, slab: int) -> Path:
        """The slab's raw sections."""
        return self.path / "stack" / f"{slab:05d}.h5"

    def probability(self, package: int) -> Path:
        """The package's probabilities."""
        return self.path / "probability" / f"{package:08d}.h5"

    def result(self, slab: int) -> Path:
        """The slab's stitched probabilities and masks."""
        return self.path / "result" / f"{slab:05d}.h5"

    def pieces(self, slab: int) -> Path:
        """The slab's pieces of objects."""
        return self.path / "objects" / f"{slab:05d}.h5"

    @property
    def joined_path(self) -> Path:
        """Which pieces are which object."""
        return self.path / "objects" / "joined.h5"

    def whole(self, slab: int) -> Path:
        """The slab's objects before those that touch are split."""
        return self.path / "objects" / "whole" / f"{slab:05d}.h5"

    @property
    def divided_path(self) -> Path:
        """What objects are once those that touch are split."""
        return self.path / "objects" / "divided.h5"

    def labels(self, slab: int) -> Path:
        """The slab's numbered objects."""
        return self.path / "labels" / f"{slab:05d}.h5"

    @property
    def measurements(self) -> Path:
        """Folder of the tables of objects."""
        return self.path / "measurements"

    @property
    def meshes(self) -> Path:
        """Folder of the surfaces that were asked for."""
        return self.path / "meshes"

    def done_units(self, kind: Literal["stack", "probability", "result", "labels"]) -> set[int]:
        """Return the numbers of the published files of one kind: their final names mean done."""
        return {int(path.stem) for path in (self.path / kind).glob("[0-9]*.h5")}

    def leftovers(self) -> Iterator[Path]:
        """Yield temporary files that a killed writer left."""
        yield from self.path.glob("**/.*.part")

    def read(self) -> JobRecord | None:
        """Return the record, or None if there is no job here. Raises VolumeDamaged if it is not one."""
        if not self.record_path.exists():
            return None
        try:
            return JobRecord.model_validate_json(self.record_path.read_bytes())
        except ValidationError as error:
            raise VolumeDamaged(
                f"{self.record_path} is damaged: delete {self.path} and start again ({error})"
            ) from error

    def write(self, record: JobRecord) -> None:
        """Write the record in one step."""
        write_bytes(self.record_path, record.model_dump_json(indent=1).encode())


def input_identity(path: Path) -> str:
    """Return a hash of the input's file names, sizes and times: changes when the input does, without reading it."""
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        facts = file.stat()
        digest.update(f"{file.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()
