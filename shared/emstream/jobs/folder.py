"""A job on disk: the path of each of its files, and what they show as done.

    <folder>/job.json                 the record (see `record`), written in one step; in the service: the job is started
             input/                   uploaded files under generated names
             fingerprint.json         of the first worker that predicts for the job; the others must have the same
             cancelled                present once the job is cancelled
             failure.json             the sentence of a job that cannot be planned or finished
             report.json              the job is finished; with the sentences of units that failed
             exports/                 mask.h5 and other files for the user; what was ordered: see `export_order`
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

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from emstream.errors import VolumeDamaged
from emstream.jobs.record import JobRecord, PlannedJob
from emstream.ledger.terms import Found
from emstream.stages import SHOWN
from emstream.volume.files import write_bytes

WORK = ".emstream"
"""Folder inside the output folder of `emstream predict` with the job's working files; deleted when it is done."""


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
        record = self.read_planned()
        if record is None:
            return Found()
        slabs, packages, results = (frozenset(self.done_units(stage.row.folder)) for stage in SHOWN)
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
        """The object that each piece belongs to."""
        return self.path / "objects" / "joined.h5"

    def whole(self, slab: int) -> Path:
        """The slab's objects before touching ones are split."""
        return self.path / "objects" / "whole" / f"{slab:05d}.h5"

    @property
    def divided_path(self) -> Path:
        """The objects after touching ones are split."""
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

    def done_units(self, folder: str) -> set[int]:
        """Return the numbers of the published files in a folder (stack, labels, ...): their final names mean done."""
        return {int(path.stem) for path in (self.path / folder).glob("[0-9]*.h5")}

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

    def read_planned(self) -> PlannedJob | None:
        """Return the record, or None if there is no job here or it has no plan yet. Raises VolumeDamaged."""
        record = self.read()
        return None if record is None else record.planned

    def write(self, record: JobRecord) -> None:
        """Write the record in one step."""
        write_bytes(self.record_path, record.model_dump_json(indent=1).encode())
