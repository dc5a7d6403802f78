"""Objects: their measurements, the unsure ones, the values at a voxel, and new thresholds."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, RootModel

from emstream.api.schemas import Corner, ObjectName, Reply
from emstream.jobs.record import Voxel


class ColumnState(Reply):
    """A column of measurements."""

    name: str
    unit: str
    meaning: str


class Measurements(Reply):
    """Objects of one structure, a page of them, and facts of all together."""

    object: str
    voxel_size_nm: Voxel | None
    total: int = Field(description="Number of objects, of which this is a page.")
    volume_fraction: float = Field(description="Share of the volume that they fill.")
    dropped: int = Field(description="Objects that were too small to count.")
    columns: list[ColumnState]
    rows: list[dict[str, int | float | bool]]


class UnsureObject(Reply):
    """An object that should be checked. z, y, x: a voxel near its middle; box: first and stop corner."""

    id: int
    uncertainty: float
    z: int
    y: int
    x: int
    box: tuple[Corner, Corner]


class Unsure(Reply):
    """The most uncertain objects, the most uncertain first."""

    object: str
    rows: list[UnsureObject]


class Spot(Reply):
    """Values of a structure's layers at a voxel. label: null without an object, or before objects are numbered."""

    probability: float
    label: int | None


class Spots(Reply):
    """Values at a voxel, by structure."""

    objects: dict[str, Spot]


Threshold = Annotated[float, Field(ge=0.004, le=0.996, allow_inf_nan=False)]


class Thresholds(RootModel[dict[ObjectName, Threshold]]):
    """A threshold on the probability, by object; structures that are left out keep theirs."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"mitochondria": 0.6}]})
