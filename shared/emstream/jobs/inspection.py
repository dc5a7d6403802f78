"""Inspections: what a preprocess worker finds in a job's files before the job is started.

<data>/jobs/.inspect-<id>/   a job of its own, on hard links to the files of job <id>, that is planned only
             inspection.json what was found, or the sentence of what is wrong
             pictures/       <z>.png: a small picture of a section; <z>.wanted: the mark that it is wanted
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Record, Voxel
from emstream.volume.files import write_bytes

PREFIX = ".inspect-"
MOST_SECTIONS = 500
"""Maximum number of section names listed."""


class DatasetFacts(Record):
    """A data set of an HDF5 file that may be the stack."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class Inspection(Record):
    """The findings. sections: names of at most the first 500, in order. problem: why it cannot be segmented as it is.

    voxel_size_doubt: why the stated voxel size must be corrected or confirmed before the job can start.
    dataset: the one chosen, of an HDF5 file. source: one sentence that says what was read and how.
    """

    shape_zyx: tuple[int, int, int] | None = None
    dtype: str = ""
    dataset: str | None = None
    datasets: tuple[DatasetFacts, ...] = ()
    voxel_size_nm: Voxel | None = None
    voxel_size_source: str = ""
    voxel_size_doubt: str | None = None
    sections: tuple[str, ...] = ()
    source: str = ""
    warnings: tuple[str, ...] = ()
    problem: str | None = None


def inspection_folder(jobs: Path, job: str) -> JobFolder:
    """Return the folder of a job's inspection, whether it exists or not."""
    return JobFolder(jobs / f"{PREFIX}{job}")


def picture_path(folder: JobFolder, z_index: int) -> Path:
    """Return the path of a section's small picture, whether it exists or not."""
    return folder.path / "pictures" / f"{z_index}.png"


def wanted_pictures(folder: JobFolder) -> list[tuple[int, Path]]:
    """Return the sections whose picture is wanted, each with its mark; remove the mark once the picture exists."""
    return sorted((int(mark.stem), mark) for mark in (folder.path / "pictures").glob("*.wanted"))


def is_inspection(job: str) -> bool:
    """Return whether an id in the ledger is that of an inspection."""
    return job.startswith(PREFIX)


def read_inspection(folder: JobFolder) -> Inspection | None:
    """Return what was found, or None while the worker looks."""
    try:
        return Inspection.model_validate_json((folder.path / "inspection.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def write_inspection(folder: JobFolder, found: Inspection) -> None:
    """Write what was found in one step."""
    write_bytes(folder.path / "inspection.json", found.model_dump_json().encode())
