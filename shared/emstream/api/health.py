"""Health of the service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emstream.api.schemas import Reply


class Health(Reply):
    """Whether the parts work; failing: the names of those that do not."""

    status: Literal["ok", "failing"]
    failing: dict[str, str] = Field({})
