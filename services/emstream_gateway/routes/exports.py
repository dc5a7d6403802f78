"""Routes of exports: files in the formats of other programs, ordered here, built by a postprocess worker."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.problems import NotReady
from emstream.api.results import Exports, ExportState, ExportWish
from emstream.errors import BrokerUnavailable, JobNotFound
from emstream.jobs.export_formats import MEDIA_TYPES
from emstream.jobs.export_order import (
    ExportOrder,
    Wish,
    export_file,
    make_order,
    orders,
    place_order,
    read_order,
    read_progress,
    withdraw,
)
from emstream.jobs.finish_tasks import FinishKind, FinishTask
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord
from emstream.ledger.terms import JobStatus
from emstream.stages import Stage
from emstream_gateway.auth import ReadKey, WriteKey
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.bodies import json_body, send_file
from emstream_gateway.http.openapi import as_json, refusals, returns, returns_file
from emstream_gateway.jobs.actions import request_finish, save_name
from emstream_gateway.jobs.status import finished_job

router = APIRouter(prefix="/v1/jobs/{job}/exports", tags=["results"])
PURPOSE = "it can be saved"
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ExportWish"}}},
    }
}
_ACCEPTED = returns(ExportState, "Being built: ask again", 202, ("Location", "Retry-After"))


@router.post(
    "",
    status_code=202,
    response_class=Response,
    summary="Order a file: mask, labels, probability, overlay or original, in any of its formats",
    responses={**_ACCEPTED, **refusals(400, 404, 408, 409, 413, 422, 503, 507)},
    openapi_extra=_BODY,
)
async def order_export(request: Request, caller: WriteKey, context: Context, job: str) -> Response:
    """Order an export. The same order again is the same export; one that failed is tried again."""
    wish = await json_body(request, ExportWish)
    return await run_sync(_order, context, caller.owner, job, wish)


def _order(context: AppContext, owner: str, job: str, wish: ExportWish) -> Response:
    folder, record = finished_job(context, job, owner, PURPOSE)
    context.quotas.check_bytes(owner, 0)
    asked = Wish(wish.content, wish.format, wish.objects, wish.combined, wish.z)
    order = make_order(folder, record.plan, asked)
    number = place_order(folder, order)
    if not export_file(folder, number, order).exists():
        request_finish(context, folder, FinishTask(FinishKind.EXPORT, number))
    return _accepted(_state(folder, record, number, order, context.ledger.status(job)))


@router.get(
    "",
    response_class=Response,
    summary="A job's exports",
    responses={**returns(Exports, "Exports that were ordered and not removed"), **refusals(404, 409, 422)},
)
def list_exports(caller: ReadKey, context: Context, job: str) -> Response:
    """List exports."""
    folder, record = finished_job(context, job, caller.owner, PURPOSE)
    try:
        status = context.ledger.status(job)
    except BrokerUnavailable:
        status = None
    found = orders(folder).items()
    return as_json(Exports(exports=[_state(folder, record, number, order, status) for number, order in found]))


@router.get(
    "/{export}",
    response_class=Response,
    summary="The file, or its progress",
    responses={
        **returns_file(*MEDIA_TYPES),
        **_ACCEPTED,
        **refusals(404, 409, 416, 422, 503),
    },
)
def get_export(request: Request, caller: ReadKey, context: Context, job: str, export: str) -> Response:
    """Send an export, or its progress."""
    folder, record = finished_job(context, job, caller.owner, PURPOSE)
    number, order = _known(folder, export)
    path = export_file(folder, number, order)
    if path.exists():
        return send_file(request, path, order.media_type, _save_as(record, order))
    state = _state(folder, record, number, order, context.ledger.status(job))
    if state.state == "failed":
        raise NotReady(f"the export could not be made: {state.sentence}. Order it again to try again")
    if "write" in caller.scopes:  # the broker may have lost the task
        request_finish(context, folder, FinishTask(FinishKind.EXPORT, number))
    return _accepted(state)


@router.delete(
    "/{export}",
    status_code=204,
    response_class=Response,
    summary="Stop an export, and remove its file",
    responses={204: {"description": "Removed"}, **refusals(404, 409, 422)},
)
def remove_export(caller: WriteKey, context: Context, job: str, export: str) -> Response:
    """Remove an export; a worker that builds it stops within a second."""
    folder, _ = finished_job(context, job, caller.owner, PURPOSE)
    number, _ = _known(folder, export)
    withdraw(folder, number)
    return Response(status_code=204)


def _known(folder: JobFolder, export: str) -> tuple[int, ExportOrder]:
    is_number = export.isascii() and export.isdigit() and len(export) < 10
    order = read_order(folder, int(export)) if is_number else None
    if order is None:
        raise JobNotFound(f"the job has no export {export[:40]!r}: GET its exports for a list")
    return int(export), order


def _state(
    folder: JobFolder, record: JobRecord, number: int, order: ExportOrder, status: JobStatus | None
) -> ExportState:
    path, base = export_file(folder, number, order), f"/v1/jobs/{folder.path.name}/exports"
    size = path.stat().st_size if path.exists() else None
    share = read_progress(folder, number)
    reason = status.failed.get((Stage.FINISH, number)) if status else None
    return ExportState(
        id=str(number),
        state="done" if size is not None else "failed" if reason else "waiting" if share is None else "working",
        progress=1.0 if size is not None else min(share or 0.0, 1.0),
        content=order.content,
        objects=order.objects,
        combined=order.combined,
        z=order.z,
        format=order.format,
        name=_save_as(record, order),
        size=size,
        sentence=reason,
        links={"self": f"{base}/{number}"},
    )


def _save_as(record: JobRecord, order: ExportOrder) -> str:
    return save_name(record, f"{order.title}.{order.suffix}")


def _accepted(state: ExportState) -> Response:
    return as_json(state, 202, {"Location": state.links["self"], "Retry-After": "1"})
