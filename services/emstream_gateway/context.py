"""State that all routes share: made once by `make_app`, given to each route as a dependency."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request

from emstream.api.jobs import JobSettings
from emstream.api.schemas import State
from emstream.errors import BrokerUnavailable
from emstream.ledger.hints import Sender
from emstream.ledger.terms import Ledger
from emstream.models.recipes import MODELS, RecipeBook, asked_for, shipped_books
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_gateway.sessions import Guesses, Sessions
from emstream_gateway.storage.job_store import JobStore
from emstream_gateway.storage.quotas import Quotas
from emstream_gateway.storage.tiles import SlabFiles
from emstream_gateway.storage.uploads import Uploads

logger = logging.getLogger(__name__)


class Key(Protocol):
    """An API key: its owner, and its rights."""

    @property
    def owner(self) -> str:
        """Owner of the jobs that the key reaches."""

    @property
    def scopes(self) -> Collection[str]:
        """Rights: "read", "write", or both."""


class Keys(Protocol):
    """The known keys."""

    def check(self, secret: str) -> Key | None:
        """Return the key with this secret, or None."""

    def find(self, is_it: Callable[[str], bool]) -> Key | None:
        """Return the key whose SHA-256 passes a check, or None."""


class Dispatcher(Protocol):
    """The thread that dispatches units, sweeps leases, and enters jobs from disk."""

    def start(self) -> None:
        """Start the thread."""

    def stop(self) -> None:
        """Stop the thread, and wait for its end."""

    def wake(self) -> None:
        """Run a round now."""


@dataclass(frozen=True, slots=True)
class AppContext:
    """See the module's text. token: secret of this start, or empty. stopping: set when the process is to end."""

    settings: Settings
    ledger: Ledger
    sender: Sender
    keys: Keys | None
    token: str
    store: JobStore
    uploads: Uploads
    quotas: Quotas
    dispatcher: Dispatcher | None = None
    sessions: Sessions = field(default_factory=lambda: Sessions(secrets.token_bytes(32)))
    ended: dict[str, tuple[int, State]] = field(default_factory=dict)
    guesses: Guesses = field(default_factory=Guesses)
    slabs: SlabFiles = field(default_factory=SlabFiles)
    stopping: threading.Event = field(default_factory=threading.Event)

    def books(self) -> dict[str, RecipeBook]:
        """Return the recipes by object."""
        return shipped_books(self.settings.models or MODELS)

    def check_settings(self, settings: JobSettings) -> None:
        """Raise UnknownObject if an object has no recipe, WrongVoxelSize if the voxel size has to be confirmed."""
        asked_for(settings.objects, self.books())
        settings.check_voxel_size()

    def nudge(self) -> None:
        """Dispatch ready units at once rather than at the dispatcher's next round."""
        if self.dispatcher is not None:
            self.dispatcher.wake()
            return
        for stage in Stage:
            self.sender.send(self.ledger.dispatch(stage, time.time()))

    def try_broker(self, call: Callable[[], object]) -> bool:
        """Make a call that the dispatcher repeats later if it fails; False if the broker does not answer."""
        try:
            call()
        except BrokerUnavailable as error:
            logger.warning("broker does not answer", extra={"reason": str(error)})
            return False
        return True


async def context_of(request: Request) -> AppContext:
    """Return the context of the app. A coroutine, as all dependencies are here, which saves a hop to a thread."""
    context = request.app.state.context
    assert isinstance(context, AppContext)
    return context


Context = Annotated[AppContext, Depends(context_of)]
