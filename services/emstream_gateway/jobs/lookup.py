"""Jobs looked up by id and owner, in the state that a route needs."""

from __future__ import annotations

from emstream.api.problems import NotReady
from emstream.errors import JobNotFound
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import PlannedJob
from emstream_gateway.context import AppContext
from emstream_gateway.jobs.status import state_of
from emstream_gateway.storage.measurement_table import table_path


def planned_job(context: AppContext, job: str, owner: str, purpose: str) -> tuple[JobFolder, PlannedJob]:
    """Return folder and record of a job that has a plan.

    purpose: of the caller, ends the sentence "the job is queued: ...". Raises JobNotFound, NotReady without a plan.
    """
    folder = context.store.owned(job, owner)
    record = context.store.record(folder)
    planned = record.planned if record else None
    if planned is None:
        raise NotReady(f"the job is {state_of(context, folder)}: {purpose}")
    return folder, planned


def finished_job(context: AppContext, job: str, owner: str, purpose: str) -> tuple[JobFolder, PlannedJob]:
    """Return folder and record of a completed job.

    purpose: of the caller, such as "there are masks": the sentence goes on with "once it is completed". Raises
    JobNotFound, NotReady before the job is completed.
    """
    then = f"{purpose} once it is completed, follow it at /v1/jobs/{job}"
    folder, record = planned_job(context, job, owner, then)
    if not folder.report_path.exists():
        raise NotReady(f"the job is {state_of(context, folder)}: {then}")
    return folder, record


def measured_job(context: AppContext, job: str, owner: str, name: str | None) -> tuple[JobFolder, PlannedJob, str]:
    """Return folder and record of a completed job with measurements of a structure, and the structure's name.

    name: default the job's first. Raises NotReady before the job is completed, JobNotFound.
    """
    folder, record = finished_job(context, job, owner, "objects are measured")
    objects = record.plan.objects
    name = name or objects[0]
    if name not in objects:
        raise JobNotFound(f"the job has no object {name[:40]!r}; it has: {', '.join(objects)}")
    if not table_path(folder, name).exists():
        raise JobNotFound("the job has no measurements: it was made without. Make it again with `measure`")
    return folder, record, name
