"""Formats that are read and written, and stages, as the API lists them: page and clients need no lists of their own."""

from __future__ import annotations

from pydantic import Field

from emstream.api.schemas import Reply
from emstream.jobs.export_formats import Content, Form


class StackFormatState(Reply):
    """A format that is read."""

    kind: str
    suffixes: list[str] = Field(description="In lower case, with the dot.")
    is_image: bool = Field(description="A file may be one section of a folder of sections.")
    is_stack: bool = Field(description="A file may hold a stack. One that is no image is a sample in a folder, too.")


class ExportFormatState(Reply):
    """A format of exports. hint: programs that read it, or its structure."""

    name: Form
    title: str
    hint: str
    contents: list[Content] = Field(description="What it can hold.")
    exact: list[Content] = Field(description="The contents whose values it keeps.")


class Formats(Reply):
    """The formats. clutter: names of files that are in no stack, in lower case; so are hidden files.

    stages: the stages that progress is shown of, in flow order.
    """

    stacks: list[StackFormatState]
    exports: list[ExportFormatState]
    clutter: list[str]
    stages: list[str]
