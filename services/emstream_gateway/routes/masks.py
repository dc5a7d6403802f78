"""Routes of results: masks, overlay, report. Masks in further formats are made when they are first requested."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.jobs import Format, Job
from emstream.api.problems import NotReady
from emstream.errors import JobNotFound
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import export_path, mask_task
from emstream.stages import Stage
from emstream_gateway.auth import ReadKey, check_may_make
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.bodies import send_file
from emstream_gateway.http.openapi import as_json, refusals, returns, returns_file
from emstream_gateway.jobs.actions import request_finish, save_name
from emstream_gateway.jobs.status import describe_job, finished_job

router = APIRouter(prefix="/v1/jobs/{job}", tags=["results"])
_WHICH_OBJECT = "For tiff and png. Default: the job's first."
WAIT_S = 20.0
"""Seconds that a request waits for a file that is being made."""
_POLL_S = 0.2
MEDIA_TYPES: dict[str, str] = {"h5": "application/x-hdf5", "tiff": "image/tiff", "png": "application/zip"}


@router.get(
    "/mask",
    response_class=Response,
    summary="The masks: HDF5 of all objects, or one object's TIFF stack or zipped PNG sections",
    responses={
        **returns_file(*MEDIA_TYPES.values()),
        **returns(Job, "Being made: ask again", 202, ("Retry-After",)),
        **refusals(404, 409, 416, 422, 503),
    },
)
async def get_mask(
    request: Request,
    caller: ReadKey,
    context: Context,
    job: str,
    form: Annotated[Format, Query(alias="format")] = "h5",
    object_name: Annotated[str | None, Query(alias="object", max_length=100, description=_WHICH_OBJECT)] = None,
) -> Response:
    """Send masks."""
    folder, path, save_as = await run_sync(_find_masks, context, job, caller.owner, form, object_name)
    if not path.exists():
        check_may_make(caller)
        await run_sync(request_finish, context, folder, mask_task(form))
        stop = time.monotonic() + WAIT_S
        while not path.exists() and time.monotonic() < stop and not context.stopping.is_set():
            await run_sync(_check_possible, context, folder, form)
            await anyio.sleep(_POLL_S)
    if not path.exists():
        return as_json(await run_sync(describe_job, context, folder), 202, {"Retry-After": "2"})
    return await run_sync(send_file, request, path, MEDIA_TYPES[form], save_as)


def _find_masks(
    context: AppContext, job: str, owner: str, form: Format, object_name: str | None
) -> tuple[JobFolder, Path, str]:
    """Return the job's folder, the path of its masks, made or not, and the name to save them under."""
    folder, record = finished_job(context, job, owner, "there are masks")
    objects = record.plan.objects
    if object_name is not None and object_name not in objects:
        raise JobNotFound(f"the job has no masks of {object_name[:40]!r}; it has: {', '.join(objects)}")
    path = export_path(folder, form, object_name or objects[0])
    return folder, path, save_name(record, path.name)


def _check_possible(context: AppContext, folder: JobFolder, form: Format) -> None:
    status = context.ledger.status(folder.path.name)
    reason = status.failed.get((Stage.FINISH, mask_task(form).unit)) if status else None
    if reason is not None:
        raise NotReady(f"the {form} masks could not be made: {reason}. Ask again to try again")


@router.get(
    "/overlay",
    response_class=Response,
    summary="A section next to the same section with the masks drawn in",
    responses={**returns_file("image/png"), **refusals(404, 409, 416, 422)},
)
def get_overlay(request: Request, caller: ReadKey, context: Context, job: str) -> Response:
    """Send the overlay."""
    folder = context.store.owned(job, caller.owner)
    return send_file(request, _existing(context, folder, folder.exports / "overlay.png"), "image/png")


@router.get(
    "/report",
    response_class=Response,
    summary="The report: settings, times, and contents of the result",
    responses={**returns_file("application/json"), **refusals(404, 409, 416, 422)},
)
def get_report(request: Request, caller: ReadKey, context: Context, job: str) -> Response:
    """Send the report."""
    folder = context.store.owned(job, caller.owner)
    return send_file(request, _existing(context, folder, folder.report_path), "application/json")


def _existing(context: AppContext, folder: JobFolder, path: Path) -> Path:
    if path.exists():
        return path
    state = describe_job(context, folder).state
    if folder.report_path.exists():
        raise JobNotFound(f"the job has no {path.name}: it was made without")
    raise NotReady(f"the job is {state} and has no {path.name}: it comes with the job's completion")
