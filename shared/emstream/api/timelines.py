"""Timelines: units with their times, by kind of worker."""

from __future__ import annotations

from emstream.api.schemas import Reply


class Span(Reply):
    """When a worker worked on a unit of a job: seconds since the epoch."""

    job: str
    unit: int
    start: float
    stop: float


class Begun(Reply):
    """Since when a worker has worked on a unit of a job: seconds since the epoch."""

    job: str
    unit: int
    start: float


class Timeline(Reply):
    """The three lanes: which kind of worker worked on which sample, when.

    at_work: units that a worker holds now, by its lease; empty while the broker does not answer. A worker that was
    killed is here until its lease runs out, some seconds.
    """

    lanes: dict[str, list[Span]]
    at_work: dict[str, list[Begun]]
