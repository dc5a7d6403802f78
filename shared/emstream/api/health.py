"""Health of the service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from emstream.api.schemas import Reply


class Health(Reply):
    """Health of the service. failing: the failing parts, each with a sentence."""

    status: Literal["ok", "failing"]
    failing: dict[str, str] = Field({})
