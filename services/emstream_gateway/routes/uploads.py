"""Routes of uploads: new jobs, and their files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.jobs import FileState, Jobs, NewJob
from emstream.api.problems import WrongContent
from emstream.errors import EmstreamError, JobNotFound
from emstream.jobs.folder import JobFolder
from emstream_gateway.auth import ReadKey, WriteKey
from emstream_gateway.context import AppContext, Context, Key
from emstream_gateway.http.bodies import drain, json_body, length_of, stream_body
from emstream_gateway.http.openapi import as_json, refusals, returns
from emstream_gateway.jobs.actions import keep_server_input, server_input, start_copy, start_server_input, start_whole
from emstream_gateway.jobs.status import describe_job
from emstream_gateway.storage.job_store import UploadHeader
from emstream_gateway.storage.multipart import MultipartUpload
from emstream_gateway.storage.quotas import CHECK_EVERY_BYTES
from emstream_gateway.storage.uploads import Upload

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/jobs", tags=["upload"])

_SETTINGS_REF = {"$ref": "#/components/schemas/JobSettings"}
_NEW_JOB_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/NewJob"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": 'File names may have folders ("sample1/s001.png"): each is a sample.',
                        },
                        "settings": _SETTINGS_REF,
                        "name": {"type": "string", "maxLength": 200},
                    },
                },
                "encoding": {"settings": {"contentType": "application/json"}},
            },
        },
    }
}
_RAW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post(
    "",
    status_code=202,
    response_class=Response,
    summary="Make jobs: by multipart with all files, or by JSON with files to follow",
    responses={
        **returns(Jobs, "Not started: files follow by PUT, or it waits for its start", 201, ("Location",)),
        **returns(Jobs, "Started", 202, ("Location", "Retry-After")),
        **refusals(400, 408, 409, 413, 415, 422, 429, 503, 507),
    },
    openapi_extra=_NEW_JOB_BODY,
)
async def make_jobs(
    request: Request,
    caller: WriteKey,
    context: Context,
    idempotency_key: str | None = Header(
        None, min_length=1, max_length=200, description="The same gives the same job."
    ),
) -> Response:
    """Make jobs."""
    content_type = request.headers.get("content-type", "")
    try:
        match content_type.split(";")[0].strip().lower():
            case "multipart/form-data":
                folders = await _take_multipart(request, context, caller.owner, content_type)
                return await run_sync(_answer, context, folders, 202)
            case "application/json":
                body = await json_body(request, NewJob)
                return await run_sync(_make_job, context, caller, body, idempotency_key)
    except EmstreamError:
        await drain(request)
        raise
    await drain(request)
    raise WrongContent(
        f"the content type {content_type[:100]!r} is not accepted here: send multipart/form-data with files, "
        "or application/json"
    )


@dataclass
class BodyMeter:
    """Passes a body on, counts its bytes, and checks the quota every CHECK_EVERY_BYTES."""

    context: AppContext
    owner: str
    take: Callable[[bytes], None]
    since_check: int = 0

    def __call__(self, block: list[bytes]) -> None:
        for chunk in block:
            self.take(chunk)
        size = sum(map(len, block))
        self.context.uploads.received_bytes += size
        self.since_check += size
        if self.since_check >= CHECK_EVERY_BYTES:
            self.since_check = 0
            self.context.quotas.check_bytes(self.owner, 0)


async def _take_multipart(request: Request, context: AppContext, owner: str, content_type: str) -> list[JobFolder]:
    """Stream the body to disk and start its jobs; nothing of a refused upload stays."""
    await run_sync(context.quotas.check_jobs, owner)
    await run_sync(context.quotas.check_bytes, owner, length_of(request) or 0)
    multipart = MultipartUpload(context.store.path, owner, content_type, context.quotas.upload_limits)
    is_started = False
    try:
        await stream_body(request, BodyMeter(context, owner, multipart.feed))
        uploads = multipart.finish()
        folders = await run_sync(_start_checked, context, owner, uploads)
        is_started = True
        return folders
    finally:
        if not is_started:
            multipart.discard()


def _start_checked(context: AppContext, owner: str, uploads: list[Upload]) -> list[JobFolder]:
    context.check_settings(uploads[0].header.settings)
    context.quotas.check_jobs(owner, len(uploads))
    return start_whole(context, uploads)


def _make_job(context: AppContext, caller: Key, body: NewJob, idempotency_key: str | None) -> Response:
    context.check_settings(body.settings)
    source = server_input(context, body.input) if body.input is not None else None
    copied = context.store.owned(body.input_of, caller.owner) if body.input_of is not None else None
    name = source.name if source else describe_job(context, copied).name if copied else ""
    header = context.store.new(caller.owner, body.name or name, body.settings)
    if idempotency_key is None:
        return _make_new_job(context, caller.owner, body, header, source)
    with context.store.claiming:
        known = context.store.claim_key(caller.owner, idempotency_key, header.id, body.model_dump_json())
        if known is None:
            return _make_new_job(context, caller.owner, body, header, source)
    return _answer(context, [known], 202 if known.record_path.exists() else 201)


def _make_new_job(context: AppContext, owner: str, body: NewJob, header: UploadHeader, source: Path | None) -> Response:
    context.quotas.check_jobs(owner)
    context.quotas.check_bytes(owner, sum(f.size or 0 for f in body.files))
    if source is not None and body.start:
        return _answer(context, [start_server_input(context, header, source)], 202)
    if source is not None:
        return _answer(context, [keep_server_input(context, header, source)], 201)
    if body.input_of is not None:
        return _answer(context, [start_copy(context, header, context.store.owned(body.input_of, owner))], 202)
    upload = context.uploads.make(header)
    try:
        upload.announce([(f.name, f.size) for f in body.files], context.settings.max_files)
    except EmstreamError:
        context.uploads.drop(header.id)
        context.store.remove(header.id)
        raise
    return _answer(context, [context.store.folder(header.id)], 201)


def _answer(context: AppContext, folders: list[JobFolder], status: int) -> Response:
    headers = {"Location": f"/v1/jobs/{folders[0].path.name}"} | ({"Retry-After": "2"} if status == 202 else {})
    return as_json(Jobs(jobs=[describe_job(context, folder) for folder in folders]), status, headers)


@router.put(
    "/{job}/files/{name:path}",
    response_class=Response,
    summary="Append bytes to a file of a job that is uploading",
    responses={**returns(FileState, "The file as it has arrived"), **refusals(400, 404, 408, 409, 413, 422, 507)},
    openapi_extra=_RAW_BODY,
)
async def append_bytes(
    request: Request,
    caller: WriteKey,
    context: Context,
    job: str,
    name: str,
    offset: int = Query(0, ge=0, le=2**53, description="Where the bytes go on: as many as have arrived."),
) -> Response:
    """Append the raw body at `offset`; an interrupted upload goes on at the `received` of the file."""
    try:
        length = length_of(request)
        folder = await run_sync(context.store.owned, job, caller.owner)
        await run_sync(context.quotas.check_bytes, caller.owner, length or 0)
        upload = await run_sync(context.uploads.get, folder)
        begin = partial(upload.begin, name, offset, length, context.quotas.upload_limits)
        with await run_sync(begin) as writer:
            await stream_body(request, BodyMeter(context, caller.owner, writer.write))
        arrival = upload.arrival(name)
        await run_sync(upload.finish, arrival)
    except EmstreamError:
        await drain(request)
        raise
    except FileNotFoundError as error:
        raise JobNotFound("the job was deleted while its file arrived: make a new one") from error
    return as_json(arrival.state())


@router.get(
    "/{job}/files/{name:path}",
    response_class=Response,
    summary="The bytes of a file that have arrived",
    responses={**returns(FileState, "The file as it has arrived"), **refusals(404, 422)},
)
def file_state(caller: ReadKey, context: Context, job: str, name: str) -> Response:
    """Show the bytes of a file that have arrived."""
    folder = context.store.owned(job, caller.owner)
    record = context.store.record(folder)
    if record is None:
        return as_json(context.uploads.get(folder).arrival(name).state())
    for file in record.files:
        if file.name == name:
            return as_json(FileState(name=name, size=file.size, received=file.size, sha256=file.sha256))
    raise JobNotFound(f"the job has no file {name[:80]!r}: GET the job for a list")
