"""The gateway's wiring: routes, what every request passes, and the life of the janitor."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from emstream.ledger.terms import Ledger
from emstream.settings import Settings
from emstream.version import __version__
from emstream_gateway.context import Janitor, Keys, Parts, Sender
from emstream_gateway.http.error_handlers import add_problem_handlers
from emstream_gateway.http.middleware import Guard
from emstream_gateway.http.openapi import describe_api
from emstream_gateway.routes import (
    events,
    exports,
    health,
    inspections,
    jobs,
    masks,
    meshes,
    objects,
    page,
    timelines,
    uploads,
    view,
)
from emstream_gateway.storage.job_store import Shelf
from emstream_gateway.storage.quotas import Room
from emstream_gateway.storage.uploads import Uploads

logger = logging.getLogger(__name__)


def make_app(
    settings: Settings,
    ledger: Ledger,
    sender: Sender,
    keys: Keys | None,
    token: str,
    janitor: Janitor | None = None,
) -> FastAPI:
    """Return the app. token: of this start, for the owner "local"; empty if only keys count.

    The janitor runs while the app does. `app.state.parts.stopping` ends streams before the server waits for them.
    """
    shelf = Shelf(settings.data)
    parts = Parts(settings, ledger, sender, keys, token, shelf, Uploads(shelf), Room(shelf, settings), janitor)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(shelf.clear_leftovers)
        if janitor is not None:
            janitor.start()
        yield
        parts.stopping.set()
        if janitor is not None:
            await anyio.to_thread.run_sync(janitor.stop)
        parts.slabs.close()

    app = FastAPI(title="emstream", version=__version__, lifespan=life, docs_url=None, redoc_url=None)
    app.state.parts = parts
    for router in (
        r.router
        for r in (
            uploads,
            inspections,
            jobs,
            events,
            masks,
            exports,
            view,
            objects,
            meshes,
            timelines,
            health,
            page,
        )
    ):
        app.include_router(router)
    app.add_middleware(Guard, settings=settings)
    add_problem_handlers(app)
    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app
