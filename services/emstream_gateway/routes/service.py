"""Routes about the service: timelines of each kind of worker, and formats that are read and written."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter, Query
from fastapi.responses import Response

from emstream.api.service import Begun, ExportFormatState, Formats, Span, StackFormatState, Timeline
from emstream.errors import BrokerUnavailable
from emstream.jobs.export_formats import EXPORT_FORMATS
from emstream.jobs.folder import JobFolder
from emstream.jobs.timeline import Timeline as JobTimeline
from emstream.readers.formats import CLUTTER, FORMATS
from emstream.stages import KINDS, SHOWN
from emstream_gateway.auth import ReadKey
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.openapi import as_json, refusals, returns

router = APIRouter(prefix="/v1")
JOBS_AT_MOST = 100


@router.get(
    "/jobs/{job}/timeline",
    tags=["timeline"],
    response_class=Response,
    summary="When a job's units were worked on",
    responses={**returns(Timeline, "The three lanes"), **refusals(404, 422)},
)
def job_timeline(caller: ReadKey, context: Context, job: str) -> Response:
    """Show one job's lanes."""
    return as_json(_timeline(context, [context.store.owned(job, caller.owner)], 0.0))


@router.get(
    "/timeline",
    tags=["timeline"],
    response_class=Response,
    summary="When the units of several jobs were worked on",
    responses={**returns(Timeline, "The three lanes"), **refusals(404, 422)},
)
def timeline(
    caller: ReadKey,
    context: Context,
    jobs: str = Query("", max_length=40 * JOBS_AT_MOST, description="Ids, comma-separated. Default: the latest."),
    since: float = Query(0.0, ge=0, le=1e12, allow_inf_nan=False, description="Seconds since the epoch."),
) -> Response:
    """Show the lanes of several jobs."""
    named = [name for name in jobs.split(",") if name]
    folders = [context.store.owned(name, caller.owner) for name in named] if named else _latest(context, caller.owner)
    return as_json(_timeline(context, folders, since))


def _latest(context: AppContext, owner: str) -> list[JobFolder]:
    return [context.store.folder(entry.id) for entry in context.store.entries(owner)[:JOBS_AT_MOST]]


def _timeline(context: AppContext, folders: list[JobFolder], since: float) -> Timeline:
    return Timeline(lanes=lanes(folders, since), at_work=_at_work(context, {folder.path.name for folder in folders}))


def _at_work(context: AppContext, jobs: set[str]) -> dict[str, list[Begun]]:
    found: dict[str, list[Begun]] = {lane: [] for lane in KINDS}
    with suppress(BrokerUnavailable):
        for unit in context.ledger.at_work():
            if unit.job in jobs:
                found[unit.stage.queue].append(Begun(job=unit.job, unit=unit.unit, start=unit.began))
    return {lane: sorted(begun, key=lambda one: one.start) for lane, begun in found.items()}


def lanes(folders: list[JobFolder], since: float) -> dict[str, list[Span]]:
    """Return the units that ended after `since`, by kind of worker, each lane in order of its starts."""
    found: dict[str, list[Span]] = {lane: [] for lane in KINDS}
    for folder in folders:
        for unit in JobTimeline(folder.timeline_path).read():
            if unit.stop >= since:
                span = Span(job=folder.path.name, unit=unit.unit, start=unit.start, stop=unit.stop)
                found[unit.stage.queue].append(span)
    return {lane: sorted(spans, key=lambda span: span.start) for lane, spans in found.items()}


@router.get(
    "/formats",
    tags=["models"],
    response_class=Response,
    summary="Formats that are read and written, and stages",
    responses={**returns(Formats, "Stack formats and export formats, in the order to offer them"), **refusals(422)},
)
def list_formats(caller: ReadKey) -> Response:
    """List the formats."""
    return as_json(all_formats())


def all_formats() -> Formats:
    """Return the formats that this version of emstream reads and writes."""
    stacks = [
        StackFormatState(kind=row.kind, suffixes=list(row.suffixes), is_image=row.is_image, is_stack=row.is_stack)
        for row in FORMATS
    ]
    exports = [
        ExportFormatState(
            name=row.name, title=row.title, hint=row.hint, contents=list(row.contents), exact=list(row.exact)
        )
        for row in EXPORT_FORMATS.values()
    ]
    return Formats(stacks=stacks, exports=exports, clutter=sorted(CLUTTER), stages=list(SHOWN))
