"""From a user's wishes to a request, and to the recipes and checkpoints that it means."""

from __future__ import annotations

from pathlib import Path

from emstream.errors import UsageError
from emstream.jobs.record import Request
from emstream.models.recipes import MODELS, Choice, choose
from emstream.settings import Settings

VARIANTS = (1, 4, 16)
"""Numbers of test-time variants that a user may ask for."""


def make_request(source: Path, settings: Settings, **wishes: object) -> Request:
    """Return the request for a stack.

    wishes: fields of Request; the cut into slabs and packages comes from the settings, and nothing is measured unless
    wished for. Raises UsageError for a number of variants that is not allowed.
    """
    if wishes.get("variants") not in (None, *VARIANTS):
        raise UsageError(f"--variants must be 1, 4 or 16, got {wishes['variants']}")
    cut = {"slab_sections": settings.slab_sections, "core_side": settings.core_side}
    return Request.model_validate({"input": str(source.absolute()), "measure": False} | cut | wishes)


def chosen(request: Request, settings: Settings) -> list[Choice]:
    """Return a choice of checkpoints per structure. Raises UnknownObject naming the ones that exist."""
    own = [Path(path) for path in request.checkpoints]
    return choose(request.objects, request.quality, own, settings.models or MODELS)
