"""Surfaces of single objects in a job's folder, and the marks by which the gateway asks a worker for one.

meshes/<object>/<label>.<form>           the surface, published by link
meshes/<object>/<label>.<form>.wanted    asked for; removed once the surface exists
meshes/<object>/<label>.<form>.failed    the sentence why it could not be made
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from emstream.jobs.folder import JobFolder

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
