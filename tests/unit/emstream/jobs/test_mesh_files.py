"""Surfaces of objects in a job's folder."""

from __future__ import annotations

from pathlib import Path

from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import failed_mark, mesh_path, wanted_mark


def test_marks_stand_next_to_the_surface() -> None:
    path = mesh_path(JobFolder(Path("job")), "cells", 7, "stl")
    assert path == Path("job/meshes/cells/7.stl")
    assert wanted_mark(path) == Path("job/meshes/cells/7.stl.wanted")
    assert failed_mark(path) == Path("job/meshes/cells/7.stl.failed")
