"""The view of a job: its sections, levels, and objects, as a viewer draws them."""

from __future__ import annotations

from pydantic import Field

from emstream.api.schemas import Reply, State
from emstream.jobs.record import Voxel


class SeenObject(Reply):
    """An object as it is drawn. has_spread: the job stored it; else it is 4p(1-p). colour: "#rrggbb"."""

    name: str
    threshold: float
    has_spread: bool
    has_labels: bool
    colour: str


class View(Reply):
    """Contents of a job. Ranges of sections are half-open; version: goes into the tiles' addresses."""

    name: str
    state: State
    shape_zyx: tuple[int, int, int]
    voxel_size_nm: Voxel | None
    voxel_size_source: str
    levels: int = Field(description="Of the pyramid: 0 is full size, each further one half of it.")
    tile: int = Field(description="Side of a tile in pixels; tiles at the right and lower edge are smaller.")
    version: str
    sections_read: list[tuple[int, int]]
    sections_stitched: list[tuple[int, int]]
    objects: list[SeenObject]
    section_names: list[str] = Field(description="Of the first and the last section.")
