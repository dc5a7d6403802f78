"""Bases and types of the API's schemas; they are also the source of the OpenAPI document.

Each noun of the API has a module next to this one, named like its module of routes. Gateway and client use the same
classes: the gateway sends them, the client reads them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["uploading", "queued", "running", "completed", "completed_with_errors", "failed", "cancelled"]
"""States of a job, in the order of its life."""
WITH_RESULT: frozenset[State] = frozenset({"completed", "completed_with_errors"})
OVER: frozenset[State] = WITH_RESULT | {"failed", "cancelled"}
"""States in which nothing more happens to a job by itself."""
SAMPLE_ID = "6f1c0d5a3b9e4f8e9a7b1c2d3e4f5a6b"

Edge = Annotated[float, Field(gt=0, lt=1e6, allow_inf_nan=False)]
Coordinate = Annotated[int, Field(ge=0, lt=2**31)]
Corner = tuple[Coordinate, Coordinate, Coordinate]
ObjectName = Annotated[str, Field(min_length=1, max_length=100)]


class Given(BaseModel):
    """Base of what callers send: unknown fields are refused: they would have no effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reply(BaseModel):
    """Base of what the service answers: a client leaves out fields that a newer service adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


THREE_LENGTHS = r"^[0-9]{1,6}(\.[0-9]{1,6})?(,[0-9]{1,6}(\.[0-9]{1,6})?){2}$"
"""Pattern of a voxel size in an address: Z,Y,X in nanometres."""
