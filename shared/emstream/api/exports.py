"""Exports: files that are ordered of a completed job."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from emstream.api.schemas import Coordinate, Given, ObjectName, Reply
from emstream.jobs.export_formats import Content, Form


class ExportWish(Given):
    """Order of an export: the contents of a completed job to save."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"content": "overlay", "objects": ["mitochondria"], "z": [0, 10], "format": "jpeg"}]
        }
    )

    content: Content = Field("mask", description="overlay: the sections with the masks in colour; original: as read.")
    objects: tuple[ObjectName, ...] | None = Field(None, max_length=32, description="Default: all.")
    combined: bool = Field(False, description="All objects in one volume, rather than each in its own.")
    z: tuple[Coordinate, Coordinate] | None = Field(None, description="First section, and the one past the last.")
    format: Form = Field("h5", description="png, jpeg, raw, zarr: a ZIP.")


class ExportState(Reply):
    """An export as it stands. links.self: the file, once it is done. sentence: why it failed."""

    id: str
    state: Literal["waiting", "working", "done", "failed"]
    progress: float = Field(ge=0, le=1)
    content: Content
    objects: tuple[str, ...]
    combined: bool
    z: tuple[int, int]
    format: Form
    name: str = Field(description="To save the file under.")
    size: int | None
    sentence: str | None
    links: dict[str, str]


class Exports(Reply):
    """A job's exports."""

    exports: tuple[ExportState, ...]
