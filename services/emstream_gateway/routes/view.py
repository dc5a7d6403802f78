"""Routes of the viewer: the contents of a job, while it runs and after, and their tiles."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.results import SeenObject, View
from emstream.errors import UsageError
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import labels_dataset
from emstream.jobs.record import Plan, PlannedJob
from emstream.volume.colours import colour_of, in_hex
from emstream.volume.geometry import pyramid_levels
from emstream_gateway.auth import ReadKey
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.bodies import is_known
from emstream_gateway.http.openapi import HEADER_TEXT, as_json, refusals, returns
from emstream_gateway.jobs.actions import thresholds_tag
from emstream_gateway.jobs.status import planned_job, state_of, warnings_of
from emstream_gateway.storage.tiles import (
    MEDIA_TYPES,
    TILE,
    Picture,
    Place,
    encode,
    etag_of,
    file_of,
    layer_of,
    not_ready,
    read_tile,
    version_of,
)

router = APIRouter(prefix="/v1/jobs/{job}", tags=["view"])
PURPOSE = "it can be viewed once its first sections are read"
FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_ETAG = {"ETag": {"schema": {"type": "string"}, "description": HEADER_TEXT["ETag"]}}


@router.get(
    "/view",
    response_class=Response,
    summary="The contents of a job: sizes, levels, finished sections, structures",
    responses={**returns(View, "The contents"), **refusals(404, 409, 422)},
)
def get_view(caller: ReadKey, context: Context, job: str) -> Response:
    """Show the contents of a job."""
    folder, record = planned_job(context, job, caller.owner, PURPOSE)
    plan = record.plan
    found = View(
        name=record.name,
        state=state_of(context, folder),
        shape_zyx=plan.shape_zyx,
        voxel_size_nm=plan.voxel_size_nm,
        voxel_size_source=plan.voxel_size_source,
        levels=pyramid_levels((plan.shape_zyx[1], plan.shape_zyx[2])),
        tile=TILE,
        version=version_of(folder),
        sections_read=section_ranges(plan, folder.done_units("stack")),
        sections_stitched=section_ranges(plan, folder.done_units("result")),
        objects=_objects(context, folder, record),
        section_names=list(plan.section_names),
        thresholds_tag=thresholds_tag(plan),
        warnings=warnings_of(folder, plan),
    )
    return as_json(found, headers={"Cache-Control": ASK_AGAIN})


@router.get(
    "/tiles/{layer}/{z}/{level}/{x}_{y}.{picture}",
    response_class=Response,
    summary="A tile of 512 x 512 pixels of a layer: raw, an object, its .spread or its .labels",
    responses={
        200: {"description": "The tile", "content": dict.fromkeys(MEDIA_TYPES.values(), _BINARY), "headers": _ETAG},
        304: {"description": "The copy with this ETag is current"},
        **refusals(404, 409, 422),
    },
)
def get_tile(
    request: Request,
    caller: ReadKey,
    context: Context,
    job: str,
    layer: str,
    z: int,
    level: int,
    x: int,
    y: int,
    picture: Picture,
    v: str | None = Query(
        None, max_length=40, description="The view's version: with it the tile may be cached for ever."
    ),
) -> Response:
    """Show a tile."""
    folder, record = planned_job(context, job, caller.owner, PURPOSE)
    plan = record.plan
    chosen, place = layer_of(layer, record), Place(z, level, x, y)
    if picture == "jpg" and chosen.kind != "raw":
        raise UsageError(f"the layer {layer[:60]!r} is sent as png only: JPEG would change its values")
    path = file_of(folder, plan, chosen, z)
    try:
        etag = etag_of(path.stat(), layer, place, picture)
    except FileNotFoundError:
        raise not_ready(chosen, place) from None
    headers = {"ETag": etag, "Cache-Control": FOR_EVER if v == version_of(folder) else ASK_AGAIN}
    if is_known(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    values = read_tile(context.slabs, path, plan, chosen, place)
    return Response(encode(values, picture), 200, headers, MEDIA_TYPES[picture])


def section_ranges(plan: Plan, slabs: Iterable[int]) -> list[tuple[int, int]]:
    """Return the sections of some slabs as half-open ranges, neighbours joined."""
    ranges: list[tuple[int, int]] = []
    for index in sorted(slabs):
        start = index * plan.slab_sections
        stop = min(start + plan.slab_sections, plan.shape_zyx[0])
        if ranges and ranges[-1][1] == start:
            ranges[-1] = ranges[-1][0], stop
        else:
            ranges.append((start, stop))
    return ranges


def _objects(context: AppContext, folder: JobFolder, record: PlannedJob) -> list[SeenObject]:
    plan, labelled = record.plan, folder.done_units("labels")
    first = folder.labels(min(labelled, default=0))
    names = (
        context.slabs.read(first, lambda file: {n for n in plan.objects if labels_dataset(n) in file})
        if labelled
        else set()
    )
    return [
        SeenObject(
            name=name,
            threshold=threshold,
            has_spread=record.request.spread,
            has_labels=name in names,
            colour=in_hex(colour_of(name)),
            trained_on=plan.trained_on.get(name, ""),
        )
        for name, threshold in plan.thresholds.items()
    ]
