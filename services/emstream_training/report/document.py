"""Content of a report's web page and of its PDF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emstream_training.report.drawing import Drawing
    from emstream_training.report.tables import Table


@dataclass(frozen=True, slots=True)
class Document:
    """A title, a summary, and figures between the first table and the others. lead: the summary in one sentence."""

    title: str
    lead: str
    drawings: tuple[Drawing, ...]
    tables: tuple[Table, ...]
