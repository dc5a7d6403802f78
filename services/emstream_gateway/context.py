"""What the routes share: made once by `make_app`, handed to each route."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends, Request

from emstream.api.jobs import JobSettings
from emstream.errors import BrokerUnavailable
from emstream.ledger.hints import Sender
from emstream.ledger.terms import Ledger
from emstream.models.recipes import MODELS, RecipeBook, asked_for, shipped_books
from emstream.settings import Settings
from emstream.stages import Stage
from emstream_gateway.storage.job_store import JobStore
from emstream_gateway.storage.open_slabs import SlabFiles
from emstream_gateway.storage.quotas import Quotas
from emstream_gateway.storage.uploads import Uploads

logger = logging.getLogger(__name__)


class Key(Protocol):
    """Who asks, and what they may do."""

    @property
    def owner(self) -> str:
        """Whose jobs are seen."""

    @property
    def scopes(self) -> Collection[str]:
        """Of "read" and "write"."""


class Keys(Protocol):
    """The keys that are known."""

    def check(self, secret: str) -> Key | None:
        """Return the key with this secret."""


class Dispatcher(Protocol):
    """The thread that dispatches, sweeps, and enters jobs from disk."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, and wait for it."""

    def wake(self) -> None:
        """Do a round now."""


@dataclass(frozen=True, slots=True)
class AppContext:
    """See the module's text. token: of this start, or empty. stopping: set when the process is to end."""

    settings: Settings
    ledger: Ledger
    sender: Sender
    keys: Keys | None
    token: str
    store: JobStore
    uploads: Uploads
    quotas: Quotas
    dispatcher: Dispatcher | None = None
    slabs: SlabFiles = field(default_factory=SlabFiles)
    stopping: threading.Event = field(default_factory=threading.Event)

    def books(self) -> dict[str, RecipeBook]:
        """Return the recipes by object."""
        return shipped_books(self.settings.models or MODELS)

    def check_objects(self, settings: JobSettings) -> None:
        """Raise UnknownObject, naming those that exist, if a recipe for one asked for is missing."""
        asked_for(settings.objects, self.books())

    def nudge(self) -> None:
        """Have what is ready handed out at once rather than at the dispatcher's next round."""
        if self.dispatcher is not None:
            self.dispatcher.wake()
            return
        for stage in Stage:
            self.sender.send(self.ledger.dispatch(stage, time.time()))

    def try_broker(self, call: Callable[[], object]) -> bool:
        """Make a call that the dispatcher makes up for; False if the broker does not answer."""
        try:
            call()
        except BrokerUnavailable as error:
            logger.warning("broker does not answer", extra={"reason": str(error)})
            return False
        return True


async def context_of(request: Request) -> AppContext:
    """Return the parts of the app that answers. Like all dependencies a coroutine, which saves a hop to a thread."""
    context = request.app.state.context
    assert isinstance(context, AppContext)
    return context


Context = Annotated[AppContext, Depends(context_of)]
