"""The app: its routes, its middleware, and the life of the dispatcher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI

from emstream.host import keep_private, kept_secret
from emstream.ledger.hints import Sender
from emstream.ledger.terms import Ledger
from emstream.settings import Settings
from emstream.version import __version__
from emstream_gateway.context import AppContext, Dispatcher, Keys
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
    service,
    uploads,
    view,
)
from emstream_gateway.sessions import Sessions
from emstream_gateway.storage.job_store import JobStore
from emstream_gateway.storage.quotas import Quotas
from emstream_gateway.storage.uploads import Uploads

ROUTES = (uploads, inspections, jobs, events, masks, exports, service, view, objects, meshes, health, page)
"""Modules of routes, in the order of the OpenAPI document."""


def make_app(
    settings: Settings,
    ledger: Ledger,
    sender: Sender,
    keys: Keys | None,
    token: str,
    dispatcher: Dispatcher | None = None,
) -> FastAPI:
    """Return the app. token: secret of this start, for the owner "local"; empty if only keys count.

    The dispatcher runs while the app does. `app.state.context.stopping` ends streams before the server waits for them.
    """
    store = JobStore(settings.data)
    keep_private(settings.data)
    context = AppContext(
        settings,
        ledger,
        sender,
        keys,
        token,
        store,
        Uploads(store),
        Quotas(store, settings),
        dispatcher,
        Sessions(kept_secret(settings.data / "session.key").encode()),
    )

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(store.clear_leftovers)
        if dispatcher is not None:
            dispatcher.start()
        yield
        context.stopping.set()
        if dispatcher is not None:
            await anyio.to_thread.run_sync(dispatcher.stop)
        context.slabs.close()

    app = FastAPI(title="emstream", version=__version__, lifespan=life, docs_url=None, redoc_url=None)
    app.state.context = context
    for nouns in ROUTES:
        app.include_router(nouns.router)
    app.add_middleware(Guard, settings=settings)
    add_problem_handlers(app)
    app.openapi = lambda: describe_api(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app
