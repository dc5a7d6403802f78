"""Routes of jobs: list, show, start, cancel, retry, delete. Plain functions: they run in threads."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter, Query
from fastapi.responses import Response

from emstream.api.jobs import Job, JobList
from emstream.api.problems import NotReady
from emstream.api.schemas import OVER, THREE_LENGTHS
from emstream.api.service import Estimate, Recipes, RecipeState
from emstream.jobs.folder import JobFolder
from emstream.models.recipes import Quality, Recipe, RecipeBook, asked_for
from emstream_gateway.auth import ReadKey, WriteKey
from emstream_gateway.context import AppContext, Context
from emstream_gateway.http.openapi import as_json, refusals, returns
from emstream_gateway.jobs.actions import cancel, delete, retry, start_upload
from emstream_gateway.jobs.estimates import estimate, passes_of
from emstream_gateway.jobs.status import describe_job, describe_listed

router = APIRouter(prefix="/v1", tags=["jobs"])
JOBS_AT_ONCE = 100
"""Largest number of jobs in a page of the list."""
WORDS: dict[Quality, str] = {
    "fast": "One look at every place: the quickest, for previews and for choosing settings.",
    "balanced": "Four turned and mirrored looks averaged: steadier outlines, four times the work. The usual choice.",
    "accurate": "Sixteen looks by each of its networks, averaged: the steadiest, sixteen times the work or more.",
}


@router.get(
    "/jobs",
    response_class=Response,
    summary="The jobs of this key, newest first, without their files",
    responses={**returns(JobList, "Jobs"), **refusals(404, 422)},
)
def list_jobs(
    caller: ReadKey,
    context: Context,
    limit: int = Query(20, ge=1, le=JOBS_AT_ONCE),
    after: str | None = Query(None, max_length=40, description="Id of the last job of the page before."),
) -> Response:
    """List jobs."""
    ids = [entry.id for entry in context.store.entries(caller.owner)]
    if after is not None:
        context.store.owned(after, caller.owner)
        ids = ids[ids.index(after) + 1 :]
    return as_json(JobList(jobs=[describe_listed(context, context.store.folder(job)) for job in ids[:limit]]))


@router.get(
    "/jobs/{job}",
    response_class=Response,
    summary="A job as it stands",
    responses={**returns(Job, "The job; Retry-After until it is over", 200, ("Retry-After",)), **refusals(404, 422)},
)
def get_job(caller: ReadKey, context: Context, job: str) -> Response:
    """Show a job."""
    found = describe_job(context, context.store.owned(job, caller.owner))
    return as_json(found, headers={} if found.state in OVER else {"Retry-After": "1"})


def _accepted(context: AppContext, folder: JobFolder) -> Response:
    job = describe_job(context, folder)
    return as_json(job, 202, {"Location": f"/v1/jobs/{job.id}", "Retry-After": "1"})


_ACCEPTED = returns(Job, "The job as it stands now", 202, ("Location", "Retry-After"))


@router.post(
    "/jobs/{job}/start",
    status_code=202,
    response_class=Response,
    summary="Start a job whose files have arrived",
    responses={**_ACCEPTED, **refusals(404, 409, 422, 507)},
)
def start_job(caller: WriteKey, context: Context, job: str) -> Response:
    """Start a job; one that is started goes on."""
    folder = context.store.owned(job, caller.owner)
    if folder.cancelled_path.exists():
        raise NotReady("the job is cancelled: retry it, or make a new one")
    start_upload(context, folder)
    return _accepted(context, folder)


@router.post(
    "/jobs/{job}/cancel",
    status_code=202,
    response_class=Response,
    summary="Stop a job",
    responses={**_ACCEPTED, **refusals(404, 422, 503, 507)},
)
def cancel_job(caller: WriteKey, context: Context, job: str) -> Response:
    """Stop a job; one that is over stays as it is."""
    folder = context.store.owned(job, caller.owner)
    cancel(context, folder)
    return _accepted(context, folder)


@router.post(
    "/jobs/{job}/retry",
    status_code=202,
    response_class=Response,
    summary="Run again what failed or was cancelled",
    responses={**_ACCEPTED, **refusals(404, 409, 422, 429, 503)},
)
def retry_job(caller: WriteKey, context: Context, job: str) -> Response:
    """Run again what failed or was cancelled; finished units are kept."""
    folder = context.store.owned(job, caller.owner)
    context.quotas.check_jobs(caller.owner)
    retry(context, folder, caller.owner)
    return _accepted(context, folder)


@router.delete(
    "/jobs/{job}",
    status_code=204,
    response_class=Response,
    summary="Remove a job and all its files",
    responses={204: {"description": "Removed"}, **refusals(404, 422, 503, 507)},
)
def delete_job(caller: WriteKey, context: Context, job: str) -> Response:
    """Remove a job."""
    delete(context, context.store.owned(job, caller.owner))
    return Response(status_code=204)


@router.get(
    "/models",
    response_class=Response,
    tags=["models"],
    summary="The structures that can be found, and how well",
    responses={**returns(Recipes, "Recipes by object and quality"), **refusals(422)},
)
def list_models(caller: ReadKey, context: Context) -> Response:
    """List the recipes."""
    defaults = asked_for((), context.books())
    models = [
        _recipe_state(book, quality, name in defaults)
        for name, book in context.books().items()
        for quality in get_args(Quality)
    ]
    return as_json(Recipes(models=models))


@router.get(
    "/estimate",
    response_class=Response,
    tags=["models"],
    summary="The time that a job would take, by earlier jobs of this service",
    responses={**returns(Estimate, "Seconds, start to end"), **refusals(422)},
)
def get_estimate(
    caller: ReadKey,
    context: Context,
    voxels: int = Query(ge=1, le=2**53, description="Of the input: sections x rows x columns."),
    quality: Quality = "balanced",
    objects: str = Query("", max_length=2000, description="Names, comma-separated. Default: as in a job's settings."),
    voxel_size_nm: str | None = Query(None, pattern=THREE_LENGTHS, description="Of the input: Z,Y,X."),
) -> Response:
    """Estimate."""
    names = [name for name in objects.split(",") if name]
    passes = passes_of([getattr(context.books()[name], quality) for name in asked_for(names, context.books())])
    folders = [context.store.folder(entry.id) for entry in context.store.entries()]
    pixel_size = None if voxel_size_nm is None else float(voxel_size_nm.split(",")[1])
    return as_json(estimate(context.store.record, folders, voxels * passes, pixel_size))


def _recipe_state(book: RecipeBook, quality: Quality, is_default: bool) -> RecipeState:
    recipe: Recipe = getattr(book, quality)
    return RecipeState(
        object=book.object,
        quality=quality,
        checkpoints=list(recipe.checkpoints),
        variants=recipe.variants,
        halo=recipe.halo,
        threshold=recipe.threshold,
        measured=recipe.measured,
        trained_on=book.trained_on,
        fine=recipe.fine,
        words=WORDS[quality],
        is_default=is_default,
    )
