"""Jobs looked up by what a route needs of them."""

from __future__ import annotations

from emstream.api.problems import NotReady
from emstream.errors import JobNotFound
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord
from emstream_gateway.context import AppContext
from emstream_gateway.jobs.status import describe_job
from emstream_gateway.storage.measurement_table import table_path


def measured(context: AppContext, folder: JobFolder, object_name: str | None) -> tuple[JobRecord, str]:
    """Return the record and the object's name. Raises NotReady before the job is completed, JobNotFound."""
    record = context.store.record(folder)
    if record is None or record.plan is None or not folder.report_path.exists():
        state = describe_job(context, folder).state
        raise NotReady(
            f"the job is {state}: objects are measured once it is completed, follow it at /v1/jobs/{folder.path.name}"
        )
    name = object_name or record.plan.objects[0]
    if name not in record.plan.objects:
        raise JobNotFound(f"the job has no object {name[:40]!r}; it has: {', '.join(record.plan.objects)}")
    if not table_path(folder, name).exists():
        raise JobNotFound("the job has no measurements: it was made without. Make it again with `measure`")
    return record, name
