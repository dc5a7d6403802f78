"""Events of a job, sent by the server: a snapshot first, then at most two a second, until the job is over."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from emstream.api.schemas import OVER
from emstream.errors import JobNotFound
from emstream.jobs.folder import JobFolder
from emstream_gateway.auth import ReadKey
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.openapi import refusals
from emstream_gateway.jobs.status import describe_listed

router = APIRouter(prefix="/v1/jobs/{job}", tags=["jobs"])
PERIOD_S = 0.5
"""Seconds between two looks at a job."""
HEARTBEAT_S = 15.0
"""Seconds after which a comment keeps a silent stream open."""
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_EVENT = {
    "type": "object",
    "description": "One event; data is a ListedJob as JSON.",
    "properties": {"event": {"const": "job"}, "data": {"type": "string"}, "retry": {"type": "integer"}},
}
_STREAM = {"text/event-stream": {"schema": _EVENT, "example": 'event: job\ndata: {"id": "..."}\n\n'}}


@router.get(
    "/events",
    response_class=Response,
    summary="A job's changes as they happen (server-sent events)",
    responses={
        200: {"description": "`event: job`, data: the job without its files; ends when it is over", "content": _STREAM},
        **refusals(404, 422),
    },
)
def follow_job(request: Request, caller: ReadKey, context: Context, job: str) -> Response:
    """Follow a job."""
    folder = context.store.owned(job, caller.owner)
    return StreamingResponse(
        _changes(context, folder, request.state.is_known), 200, _HEADERS, media_type="text/event-stream"
    )


async def _changes(context: AppContext, folder: JobFolder, is_known: Callable[[], bool]) -> AsyncIterator[str]:
    """Yield the events. is_known: False once the caller's key is removed, which ends them."""
    yield "retry: 2000\n\n"
    last, said = "", time.monotonic()
    while not context.stopping.is_set() and await run_sync(is_known):
        try:
            job = await run_sync(describe_listed, context, folder)
        except JobNotFound:
            return  # deleted meanwhile
        text = job.model_dump_json()
        if text != last:
            last, said = text, time.monotonic()
            yield f"event: job\ndata: {text}\n\n"
        elif time.monotonic() - said > HEARTBEAT_S:
            said = time.monotonic()
            yield ": still here\n\n"
        if job.state in OVER:
            return
        await anyio.sleep(PERIOD_S)
