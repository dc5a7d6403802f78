"""Masks and labels in a job's folder: the files that the user downloads, and the `finish` unit that makes each.

Surfaces of single objects, and the marks by which the gateway asks a worker for one, are here too.
labels/<slab>.h5 keeps instance labels, per object `<object>/labels`, uint32 Planes; 0 is background.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import h5py

from emstream.jobs.finish_tasks import RESULT, FinishKind, FinishTask
from emstream.jobs.folder import JobFolder

FORMATS = ("h5", "tiff", "png")
ON_DEMAND = ("tiff", "png")
"""Formats of masks that are made when they are wanted; mask.h5 comes with the result."""


def export_path(folder: JobFolder, form: str, object_name: str | None = None) -> Path:
    """Return the path of mask.h5 (all objects), or of one object's TIFF stack or zipped PNG sections."""
    match form:
        case "h5":
            return folder.exports / "mask.h5"
        case "tiff":
            return folder.exports / f"{object_name}.tif"
        case "png":
            return folder.exports / f"{object_name}_png.zip"
        case _:
            raise ValueError(f"the format must be one of {', '.join(FORMATS)}, got {form!r}")


def mask_task(form: str) -> FinishTask:
    """Return the task that makes the masks of a format.

    >>> mask_task("h5").unit, mask_task("tiff").unit, mask_task("png").unit
    (0, 1, 2)
    """
    return FinishTask(FinishKind.MASKS, 1 + ON_DEMAND.index(form)) if form in ON_DEMAND else RESULT


def labels_dataset(name: str) -> str:
    """Return the data set that holds an object's labels."""
    return f"{name}/labels"


def made_for(file: h5py.File) -> str:
    """Return the thresholds and other choices that a file of labels was made for, as its writer noted them."""
    return str(file.attrs.get("made_for", ""))


MeshForm = Literal["stl", "ply", "glb"]


def mesh_path(folder: JobFolder, name: str, label: int, form: MeshForm) -> Path:
    """Return the path of an object's surface."""
    return folder.meshes / name / f"{label}.{form}"


def wanted_mark(path: Path) -> Path:
    """Return the mark that a surface is wanted."""
    return path.with_name(f"{path.name}.wanted")


def failed_mark(path: Path) -> Path:
    """Return the file with the sentence why a surface could not be made."""
    return path.with_name(f"{path.name}.failed")
