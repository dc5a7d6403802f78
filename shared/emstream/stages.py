"""The stages of a job, in flow order, with the properties of each: one row per stage.

A new stage begins with a row here. What fans in and out between stages is the ledger's (`ledger/terms` and the scripts
in `ledger/lua`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Kinds of work. `plan` runs on preprocess workers, `finish` on postprocess workers."""

    PLAN = "plan"
    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    POSTPROCESS = "postprocess"
    FINISH = "finish"

    @property
    def row(self) -> Row:
        """The stage's row."""
        return ROWS[self]

    @property
    def queue(self) -> str:
        """The kind of worker that does the stage; also the name of its queue."""
        return self.row.queue


@dataclass(frozen=True, slots=True)
class Row:
    """Properties of a stage.

    queue: the kind of worker, and its queue's name. follows: the stage whose units make its own ready. weight: its
    share of a job's progress, 0..1. folder: the folder in a job's folder that holds one file per unit done, or empty.
    makes_room: a unit that ends lets another slab be read.
    """

    queue: str
    follows: Stage | None
    weight: float = 0.0
    folder: str = ""
    makes_room: bool = False


ROWS = {
    Stage.PLAN: Row("preprocess", None),
    Stage.PREPROCESS: Row("preprocess", Stage.PLAN, 0.1, "stack"),
    Stage.INFERENCE: Row("inference", Stage.PREPROCESS, 0.8, "probability", makes_room=True),
    Stage.POSTPROCESS: Row("postprocess", Stage.INFERENCE, 0.09, "result", makes_room=True),
    Stage.FINISH: Row("postprocess", Stage.POSTPROCESS, 0.01),
}
KINDS = tuple(dict.fromkeys(row.queue for row in ROWS.values()))
"""Kinds of workers, in flow order; each has a queue of its name, and the service package emstream_<kind>."""
SHOWN = tuple(stage for stage, row in ROWS.items() if row.folder)
"""Stages that progress is shown of: the ones that write a file per unit."""


def ready_after(ended: Stage) -> list[Stage]:
    """Return the stages of which units may have become ready when a unit of a stage ended.

    >>> [str(stage) for stage in ready_after(Stage.INFERENCE)]
    ['inference', 'postprocess', 'preprocess']
    """
    following = [stage for stage, row in ROWS.items() if row.follows is ended]
    return [ended, *following, *[Stage.PREPROCESS] * ended.row.makes_room]
