"""Routes of inspections: a preprocess worker reads a job's files before the job is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.jobs import DatasetState, Inspected, Inspecting, JobSettings, settings_of
from emstream.api.schemas import THREE_LENGTHS
from emstream.errors import InputUnreadable, JobNotFound
from emstream.jobs.folder import JobFolder
from emstream.jobs.inspection import Inspection, inspection_folder, picture_path, read_inspection
from emstream.jobs.record import JobRecord
from emstream.stages import Stage
from emstream_gateway.auth import ReadKey, WriteKey, check_may_make
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.bodies import send_file
from emstream_gateway.http.error_handlers import problem_of
from emstream_gateway.http.openapi import as_json, refusals, returns, returns_file
from emstream_gateway.jobs.actions import server_input
from emstream_gateway.jobs.inputs import INPUT, link_files, source_of

router = APIRouter(prefix="/v1/jobs/{job}", tags=["upload"])
_WORKING = returns(Inspecting, "A worker inspects the files", 202, ("Location", "Retry-After"))


@router.post(
    "/inspect",
    status_code=202,
    response_class=Response,
    summary="Have a worker inspect a job's files, before or after its start",
    responses={**_WORKING, **refusals(404, 409, 422, 503)},
)
def begin_inspection(
    caller: WriteKey,
    context: Context,
    job: str,
    dataset: str | None = Query(None, max_length=1000, description="Of an HDF5 file. Default: the job's."),
    voxel_size_nm: str | None = Query(None, pattern=THREE_LENGTHS, description="Z,Y,X. Default: as in the file."),
) -> Response:
    """Begin an inspection: of the whole stack, also where the job's settings name a region of it."""
    folder = context.store.owned(job, caller.owner)
    given: dict[str, object] = {} if dataset is None else {"dataset": dataset}
    if voxel_size_nm is not None:
        given["voxel_size_nm"] = tuple(map(float, voxel_size_nm.split(",")))
    _begin(context, folder, caller.owner, given)
    return _working(job)


@router.get(
    "/inspection",
    response_class=Response,
    summary="The result of the inspection",
    responses={**returns(Inspected, "The result"), **_WORKING, **refusals(404, 422, 503)},
)
def get_inspection(request: Request, caller: ReadKey, context: Context, job: str) -> Response:
    """Show the result; a stack that cannot be segmented is a problem that lists its data sets."""
    context.store.owned(job, caller.owner)
    folder = inspection_folder(context.store.path, job)
    if not folder.record_path.exists():
        raise JobNotFound(f"the files of job {job} were not inspected: POST /v1/jobs/{job}/inspect")
    found = read_inspection(folder)
    if found is None:
        _check(context, folder, caller.owner)
        return _working(job)
    context.try_broker(lambda: context.ledger.forget(folder.path.name))
    if found.problem is not None:
        datasets = [entry.model_dump() for entry in _datasets(found)]
        return problem_of(request, InputUnreadable(found.problem), datasets=datasets)
    facts = found.model_dump(exclude={"problem", "datasets"})
    return as_json(Inspected.model_validate(facts | {"datasets": _datasets(found)}))


@router.get(
    "/inspection/sections/{z}.png",
    response_class=Response,
    summary="A small picture of a section, made when first asked for",
    responses={**returns_file("image/png"), **_WORKING, **refusals(404, 416, 422, 503)},
)
def get_picture(
    request: Request,
    caller: ReadKey,
    context: Context,
    job: str,
    z: Annotated[int, InPath(ge=0, lt=2**31, description="The section, from 0.")],
) -> Response:
    """Show a section of an inspected stack: grey values stretched, longer side at most 640 pixels."""
    context.store.owned(job, caller.owner)
    folder = inspection_folder(context.store.path, job)
    found = read_inspection(folder)
    depth = found.shape_zyx[0] if found and found.shape_zyx else 0
    if z >= depth:
        raise JobNotFound(
            f"there is no section {z} of job {job}: POST /v1/jobs/{job}/inspect, and name a section that it finds"
        )
    path = picture_path(folder, z)
    if path.exists():
        context.try_broker(lambda: context.ledger.forget(folder.path.name))
        return send_file(request, path, "image/png")
    check_may_make(caller)
    _request_picture(context, folder, caller.owner, path)
    return _working(job, f"/sections/{z}.png")


def _request_picture(context: AppContext, folder: JobFolder, owner: str, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".wanted").touch()
    status = context.ledger.status(folder.path.name)
    reason = status.failed.get((Stage.PLAN, 0)) if status else None
    if status is not None and (reason is not None or status.counts[Stage.PLAN][0]):
        context.ledger.forget(folder.path.name)  # an earlier inspection is over: this one is another
        status = None
    if reason is not None:
        raise InputUnreadable(f"the section could not be drawn: {reason}")
    if status is None:
        _enter(context, folder, owner)


def _begin(context: AppContext, of: JobFolder, owner: str, given: Mapping[str, object]) -> None:
    source, job = source_of(context, of), of.path.name
    path = INPUT if source.server_path is None else str(server_input(context, source.server_path))
    folder = inspection_folder(context.store.path, job)
    context.ledger.forget(folder.path.name)
    context.store.remove_inspection(job)
    link_files(source, folder)
    settings = _settings(context, of).model_copy(update={"region": None, **given})
    request = settings.request(path, context.settings.slab_sections, context.settings.core_side)
    folder.write(JobRecord(id=folder.path.name, owner=owner, name=job, request=request, files=source.files))
    _enter(context, folder, owner)


def _settings(context: AppContext, folder: JobFolder) -> JobSettings:
    record = context.store.record(folder)
    if record is not None:
        return settings_of(record.request, record.formats)
    header = context.store.header(folder)
    if header is None:
        raise JobNotFound(f"there is no job {folder.path.name!r} any more")
    return header.settings


def _check(context: AppContext, folder: JobFolder, owner: str) -> None:
    """Raise InputUnreadable if the worker failed; enter the inspection again if the broker has lost it."""
    status = context.ledger.status(folder.path.name)
    reason = status.failed.get((Stage.PLAN, 0)) if status else None
    if reason is not None:
        raise InputUnreadable(f"the files could not be inspected: {reason}")
    if status is None:
        _enter(context, folder, owner)


def _enter(context: AppContext, folder: JobFolder, owner: str) -> None:
    context.ledger.enter(folder.path.name, owner)
    context.nudge()


def _datasets(found: Inspection) -> list[DatasetState]:
    return [DatasetState(name=d.name, shape=list(d.shape), dtype=d.dtype) for d in found.datasets]


def _working(job: str, rest: str = "") -> Response:
    return as_json(Inspecting(), 202, {"Location": f"/v1/jobs/{job}/inspection{rest}", "Retry-After": "1"})
