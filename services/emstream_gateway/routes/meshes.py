"""Route of meshes: the surface of a single object, made by a worker when it is first requested."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi import Path as InPath
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.jobs import Job
from emstream.api.problems import NotReady
from emstream.errors import JobNotFound
from emstream.jobs.finish_tasks import FinishKind, FinishTask
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import MeshForm, failed_mark, mesh_path, wanted_mark
from emstream.stages import Stage
from emstream.volume.files import opened
from emstream_gateway.auth import ReadKey, check_may_make
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.bodies import send_file
from emstream_gateway.http.openapi import as_json, refusals, returns, returns_file
from emstream_gateway.jobs.actions import request_finish, save_name
from emstream_gateway.jobs.status import describe_job, measured_job
from emstream_gateway.storage.measurement_table import table_path

router = APIRouter(prefix="/v1/jobs/{job}", tags=["objects"])
MESHES = FinishTask(FinishKind.MESHES)
MEDIA_TYPES: dict[str, str] = {"stl": "model/stl", "ply": "application/octet-stream", "glb": "model/gltf-binary"}
WAIT_S = 5.0
"""Seconds that a request waits for a surface that is being made."""
_POLL_S = 0.1


@router.get(
    "/meshes/{name}/{label}.{form}",
    response_class=Response,
    summary="The surface of one object as STL, PLY or GLB, in micrometres",
    responses={
        **returns_file(*MEDIA_TYPES.values()),
        **returns(Job, "Being made: ask again", 202, ("Retry-After",)),
        **refusals(404, 409, 416, 422, 503),
    },
)
async def get_mesh(
    request: Request,
    caller: ReadKey,
    context: Context,
    job: str,
    name: Annotated[str, InPath(max_length=100, description="The object, such as mitochondria.")],
    label: Annotated[int, InPath(ge=1, lt=2**32, description="Its number.")],
    form: MeshForm,
) -> Response:
    """Send a surface."""
    folder, path, save_as = await run_sync(_find_mesh, context, job, caller.owner, Surface(name, label, form))
    if not path.exists():
        check_may_make(caller)
        await run_sync(_request_mesh, context, folder, path)
        stop = time.monotonic() + WAIT_S
        while not path.exists() and time.monotonic() < stop and not context.stopping.is_set():
            await run_sync(_check_possible, context, folder, path)
            await anyio.sleep(_POLL_S)
    if not path.exists():
        return as_json(await run_sync(describe_job, context, folder), 202, {"Retry-After": "1"})
    return await run_sync(send_file, request, path, MEDIA_TYPES[form], save_as)


@dataclass(frozen=True, slots=True)
class Surface:
    """The surface of object `label` of a structure, in a file format."""

    structure: str
    label: int
    form: MeshForm


def _find_mesh(context: AppContext, job: str, owner: str, surface: Surface) -> tuple[JobFolder, Path, str]:
    """Return the job's folder, the path of the surface, made or not, and the name to save it under."""
    folder, record, name = measured_job(context, job, owner, surface.structure)
    with opened(table_path(folder, name)) as file:
        count = file["id"].shape[0]
    if surface.label > count:
        raise JobNotFound(f"the job has no object {surface.label} of {name}: its numbers go from 1 to {count}")
    path = mesh_path(folder, name, surface.label, surface.form)
    return folder, path, save_name(record, f"{name}_{path.name}")


def _request_mesh(context: AppContext, folder: JobFolder, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    failed_mark(path).unlink(missing_ok=True)
    wanted_mark(path).touch()
    request_finish(context, folder, MESHES)


def _check_possible(context: AppContext, folder: JobFolder, path: Path) -> None:
    if failed_mark(path).exists():
        raise NotReady(f"the surface could not be made: {failed_mark(path).read_text()}")
    status = context.ledger.status(folder.path.name)
    reason = status.failed.get((Stage.FINISH, MESHES.unit)) if status else None
    if reason is not None:
        raise NotReady(f"the surface could not be made: {reason}. Ask again to try again")
