"""Routes of objects: measurements, the most uncertain ones, the values at a voxel, other thresholds."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.requests import Request

from emstream.api.jobs import Job
from emstream.api.problems import FieldProblem, NotReady, Outdated, WrongFields
from emstream.api.results import Measurements, Spot, Spots, Thresholds, Unsure, UnsureObject
from emstream.errors import JobNotFound, VolumeDamaged
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan
from emstream.volume.files import opened
from emstream.volume.geometry import Box
from emstream.volume.planes import Planes
from emstream_gateway.auth import ReadKey, WriteKey
from emstream_gateway.context import Context
from emstream_gateway.http.bodies import is_known, send_file
from emstream_gateway.http.openapi import as_json, refusals, returns, returns_file
from emstream_gateway.jobs.actions import change_thresholds, save_name, thresholds_tag
from emstream_gateway.jobs.status import describe_job, finished_job, measured_job, planned_job, read_report
from emstream_gateway.storage.measurement_table import Page, read_page, table_path

router = APIRouter(prefix="/v1/jobs/{job}", tags=["objects"])
TableFormat = Literal["json", "csv", "parquet"]
MEDIA_TYPES: dict[str, str] = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_CHANGING = Lock()
"""Held while thresholds are compared and changed, so that of two requests with one If-Match one is refused."""
ROWS_AT_ONCE = 10_000
"""Largest number of rows in a page of measurements."""
ObjectName = Annotated[str | None, Query(alias="object", max_length=100, description="Default: the job's first.")]
Place = Annotated[int, Query(ge=0, lt=2**31)]


@router.get(
    "/measurements",
    response_class=Response,
    summary="Every object's volume, surface, length and place, sorted and paged; or the whole table as a file",
    responses={
        **returns(Measurements, "Objects, and facts of all together"),
        200: {**returns(Measurements, "Objects")[200], "content": {kind: {} for kind in MEDIA_TYPES.values()}},
        206: returns_file("text/csv")[206],
        304: returns_file("text/csv")[304],
        **refusals(404, 409, 416, 422),
    },
)
def get_measurements(
    request: Request,
    caller: ReadKey,
    context: Context,
    job: str,
    object_name: ObjectName = None,
    form: Annotated[TableFormat, Query(alias="format", description="csv and parquet hold all rows, by id.")] = "json",
    sort: Annotated[str, Query(max_length=100, description="A column's name.")] = "id",
    descending: bool = False,
    offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=0, le=ROWS_AT_ONCE)] = 100,
) -> Response:
    """Send measurements."""
    folder, record, name = measured_job(context, job, caller.owner, object_name)
    if form != "json":
        path = folder.measurements / f"{name}.{form}"
        return send_file(request, path, MEDIA_TYPES[form], save_name(record, path.name))
    page = read_page(table_path(folder, name), sort, descending, offset, limit)
    found: dict[str, object] = {"columns": page.columns, "rows": page.rows, "total": page.total}
    found["structure_fraction"] = found_in(folder, name).get("fraction")
    return as_json(Measurements.model_validate({**page.facts, **found}))


@router.get(
    "/uncertain",
    response_class=Response,
    summary="The most uncertain objects, to be checked first",
    responses={**returns(Unsure, "Objects, the least sure first"), **refusals(404, 409, 422)},
)
def get_uncertain(
    caller: ReadKey,
    context: Context,
    job: str,
    object_name: ObjectName = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
) -> Response:
    """List unsure objects."""
    folder, _, name = measured_job(context, job, caller.owner, object_name)
    page = read_page(table_path(folder, name), "uncertainty", True, 0, limit)
    return as_json(Unsure(object=name, rows=unsure(page)))


def found_in(folder: JobFolder, name: str) -> dict[str, object]:
    """Return what the job's report says of a structure; empty if nothing."""
    objects = read_report(folder).get("objects")
    return dict(objects.get(name) or {}) if isinstance(objects, dict) else {}


def unsure(page: Page) -> list[UnsureObject]:
    """Return a table's rows as places to look at."""
    return [
        UnsureObject.model_validate(
            {
                "id": row["id"],
                "uncertainty": row["uncertainty"],
                **{axis: int(row[f"centroid_{axis}"] or 0) for axis in "zyx"},
                "box": [[row[f"box_{axis}{end}"] for axis in "zyx"] for end in "01"],
            }
        )
        for row in page.rows
    ]


@router.get(
    "/at",
    response_class=Response,
    summary="The values at a voxel: every structure's probability, and the number of its object",
    responses={**returns(Spots, "By object"), **refusals(404, 409, 422)},
)
def get_at(caller: ReadKey, context: Context, job: str, z: Place, y: Place, x: Place) -> Response:
    """Show the values at a voxel."""
    folder, record = planned_job(context, job, caller.owner, "nothing of it is stitched yet")
    check_inside(record.plan, (z, y, x))
    slab = z // record.plan.slab_sections
    if not folder.result(slab).exists():
        raise NotReady(f"section {z} is not stitched yet: ask again while the job goes on")
    place = (z - record.plan.slabs[slab].z_start, y, x)
    probabilities = read_voxel(folder.result(slab), [f"{name}/probability/s0" for name in record.plan.objects], place)
    labels = [0] * len(probabilities)
    if folder.labels(slab).exists() and folder.report_path.exists():
        labels = read_voxel(folder.labels(slab), [f"{name}/labels" for name in record.plan.objects], place)
    spots = zip(record.plan.objects, probabilities, labels, strict=True)
    return as_json(
        Spots(objects={n: Spot(probability=round(p / 255, 4), label=label or None) for n, p, label in spots})
    )


def check_inside(plan: Plan, place: tuple[int, int, int]) -> None:
    """Raise WrongFields naming the axis if a voxel (z, y, x) is outside of the volume."""
    for axis, at, size in zip("zyx", place, plan.shape_zyx, strict=True):
        if at >= size:
            sentence = f"{axis} must be below {size} in this job, got {at}"
            raise WrongFields([FieldProblem(field=axis, sentence=sentence)])


def read_voxel(path: Path, datasets: list[str], place: tuple[int, int, int]) -> list[int]:
    """Return one voxel of each data set; a chunk of each is decoded. Raises JobNotFound if the file goes meanwhile."""
    box = Box(place, (place[0] + 1, place[1] + 1, place[2] + 1))
    try:
        with opened(path) as file:
            return [int(Planes.open(file, dataset).read_box(box)[0, 0, 0]) for dataset in datasets]
    except VolumeDamaged:
        if path.exists():
            raise
        raise JobNotFound("the job was deleted or restarted meanwhile: ask again") from None


@router.put(
    "/thresholds",
    status_code=202,
    response_class=Response,
    summary="Make masks, labels and measurements again from the stored probabilities, by other thresholds",
    responses={
        **returns(Job, "The job, which runs again", 202, ("Location", "Retry-After")),
        **refusals(404, 409, 412, 422, 503),
    },
)
def put_thresholds(
    caller: WriteKey,
    context: Context,
    job: str,
    thresholds: Thresholds,
    if_match: Annotated[str | None, Header(description="`thresholds_tag` of the view that is changed.")] = None,
) -> Response:
    """Change thresholds."""
    with _CHANGING:
        folder, record = finished_job(context, job, caller.owner, "its thresholds can be changed")
        if if_match is not None and not is_known(if_match, thresholds_tag(record.plan)):
            raise Outdated(
                "the thresholds were changed by another request meanwhile: look at the job again, then decide"
            )
        change_thresholds(context, folder, record, thresholds.root)
    found = describe_job(context, folder)
    return as_json(found, 202, {"Location": f"/v1/jobs/{found.id}", "Retry-After": "1"})
