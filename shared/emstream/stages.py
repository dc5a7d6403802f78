"""The stages of a job and their queues."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """The kinds of work, in flow order. `plan` runs on preprocess workers, `finish` on postprocess workers."""

    PLAN = "plan"
    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    POSTPROCESS = "postprocess"
    FINISH = "finish"


QUEUES = {
    Stage.PLAN: "preprocess",
    Stage.PREPROCESS: "preprocess",
    Stage.INFERENCE: "inference",
    Stage.POSTPROCESS: "postprocess",
    Stage.FINISH: "postprocess",
}
"""Which kind of worker does a stage; also the name of its queue."""
