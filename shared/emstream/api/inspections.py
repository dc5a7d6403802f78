"""Inspections: facts that a worker reads from a job's files before its start."""

from __future__ import annotations

from typing import Literal

from emstream.api.schemas import Reply
from emstream.jobs.record import Voxel


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
    sections: list[str]
    source: str
    warnings: list[str]


class Inspecting(Reply):
    """A worker inspects the files: ask again."""

    state: Literal["working"] = "working"
