"""Status of jobs as the API shows it: from the disk, which is the truth at rest, and from the ledger while they run."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from emstream.api.jobs import FileState, FileTotals, Job, ListedJob, StageCount, UnitError, settings_of
from emstream.api.problems import NotReady
from emstream.api.schemas import State
from emstream.errors import BrokerUnavailable, JobNotFound
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Plan, PlannedJob
from emstream.ledger.terms import JobStatus, totals
from emstream.models.recipes import asked_for
from emstream.stages import Stage
from emstream.volume.voxel_size import voxel_size_given
from emstream_gateway.context import AppContext
from emstream_gateway.jobs.estimates import seconds_left
from emstream_gateway.storage.job_store import UploadHeader
from emstream_gateway.storage.measurement_table import table_path

AWAY = "The broker does not answer at the moment: counts are read from disk, and the work goes on once it is back."
"""Warning of a job while the ledger cannot be read."""
Counts = Mapping[Stage, tuple[int, int]]


def describe_job(context: AppContext, folder: JobFolder) -> Job:
    """Return a job as it stands, with its files. Raises JobNotFound if it was deleted meanwhile."""
    listed, files = _seen(context, folder)
    return Job.model_construct(**dict(listed), files=tuple(files))


def describe_listed(context: AppContext, folder: JobFolder) -> ListedJob:
    """Return a job as it stands. Raises JobNotFound if it was deleted meanwhile."""
    return _seen(context, folder)[0]


def _seen(context: AppContext, folder: JobFolder) -> tuple[ListedJob, list[FileState]]:
    record = context.store.record(folder)
    if record is not None:
        files = [FileState(name=f.name, size=f.size, received=f.size, sha256=f.sha256) for f in record.files]
        return _started(context, folder, record, files), files
    header = context.store.header(folder)
    if header is None:
        raise JobNotFound(f"there is no job {folder.path.name!r} any more")
    is_cancelled = folder.cancelled_path.exists()
    files = [] if is_cancelled else [a.state() for a in list(context.uploads.get(folder).arrivals.values())]
    return _uploading(header, files, is_cancelled), files


def state_of(context: AppContext, folder: JobFolder) -> State:
    """Return only the job's state."""
    over = _remembered_state(context, folder)
    if over:
        return over
    if not folder.record_path.exists():
        return "uploading"
    try:
        return _state_in_ledger(context.ledger.status(folder.path.name))
    except BrokerUnavailable:
        return "queued"


def _uploading(header: UploadHeader, files: list[FileState], is_cancelled: bool) -> ListedJob:
    base = f"/v1/jobs/{header.id}"
    links = {"self": base, "files": f"{base}/files", "start": f"{base}/start", "cancel": f"{base}/cancel"}
    return ListedJob.model_construct(
        id=header.id,
        name=header.name,
        state="cancelled" if is_cancelled else "uploading",
        created=header.created,
        owner=header.owner,
        settings=header.settings,
        input=header.input,
        file_totals=_totals_of(files),
        stages=_stage_counts({stage: (0, total) for stage, total in totals(None).items()}),
        progress=0.0,
        eta_s=None,
        warnings=(),
        errors=(),
        shape_zyx=None,
        voxel_size_nm=voxel_size_given(header.settings.voxel_size_nm),
        objects=header.settings.objects,
        links={"self": base} if is_cancelled else links,
    )


def warnings_of(folder: JobFolder, plan: Plan | None) -> list[str]:
    """Return what is to be known when a result is judged: of the plan, and of the report once there is one."""
    reported = read_report(folder).get("warnings")
    found = [*(plan.warnings if plan else ()), *(map(str, reported) if isinstance(reported, list) else ())]
    return list(dict.fromkeys(found))


def _totals_of(files: list[FileState]) -> FileTotals:
    first, last = (files[0].name, files[-1].name) if files else (None, None)
    size, received = sum(file.size or 0 for file in files), sum(file.received for file in files)
    return FileTotals(count=len(files), size=size, received=received, first=first, last=last)


def _started(context: AppContext, folder: JobFolder, record: JobRecord, files: list[FileState]) -> ListedJob:
    plan, over = record.plan, _state_on_disk(folder)
    status, warnings = None, warnings_of(folder, plan)
    if not over:
        try:
            status = context.ledger.status(record.id)
        except BrokerUnavailable:
            warnings.append(AWAY)
    state = over or _state_in_ledger(status)
    counts = status.counts if status else _counts_on_disk(folder, plan)
    has_end = state in ("completed", "completed_with_errors")
    return ListedJob.model_construct(
        id=record.id,
        name=record.name,
        state=state,
        created=record.created,
        owner=record.owner,
        settings=settings_of(record.request, record.formats),
        input=None if record.files else record.request.input,
        file_totals=_totals_of(files),
        stages=_stage_counts(counts),
        progress=1.0 if has_end else progress(counts),
        eta_s=seconds_left(folder.timeline_path, counts) if state == "running" else None,
        warnings=tuple(warnings),
        errors=tuple(_errors(folder, plan, status)),
        shape_zyx=plan.shape_zyx if plan else None,
        voxel_size_nm=plan.voxel_size_nm if plan else voxel_size_given(record.request.voxel_size_nm),
        objects=tuple(plan.objects if plan else record.request.objects or asked_for((), context.books())),
        links=_links(record.id, state, folder.measurements.exists()),
    )


def _remembered_state(context: AppContext, folder: JobFolder) -> State | None:
    """Return the state of a job that is over, looked for again only when an entry of its folder has changed.

    A folder that changed in the last 2 s is not remembered: a second change may leave the same time.
    """
    try:
        changed = folder.path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    known = context.ended.get(folder.path.name)
    if known is not None and known[0] == changed:
        return known[1]
    state = _state_on_disk(folder)
    if state is not None and time.time_ns() - changed > 2 * 10**9:
        context.ended[folder.path.name] = changed, state
    return state


def _state_on_disk(folder: JobFolder) -> State | None:
    if folder.cancelled_path.exists():
        return "cancelled"
    if folder.failure_path.exists():
        return "failed"
    if not folder.report_path.exists():
        return None
    return "completed_with_errors" if _read(folder, "report.json").get("errors") else "completed"


def _state_in_ledger(status: JobStatus | None) -> State:
    if status is None:
        return "queued"
    if status.is_cancelled:
        return "cancelled"
    if (Stage.PLAN, 0) in status.failed or (Stage.FINISH, 0) in status.failed:
        return "failed"
    return "running" if status.has_begun else "queued"


def _counts_on_disk(folder: JobFolder, plan: Plan | None) -> Counts:
    if plan is None:
        return {stage: (0, total) for stage, total in totals(None).items()}
    done = folder.found().done()
    return {stage: (min(len(done[stage]), total), total) for stage, total in totals(plan.job_shape).items()}


def _stage_counts(counts: Counts) -> dict[str, StageCount]:
    return {stage.value: StageCount(done=done, total=total) for stage, (done, total) in counts.items()}


def progress(counts: Counts) -> float:
    """Return the share of a job that is done, 0..1.

    >>> progress({Stage.PREPROCESS: (2, 2), Stage.INFERENCE: (1, 2), Stage.POSTPROCESS: (0, 2), Stage.FINISH: (0, 1)})
    0.5
    """
    shares = ((stage.row.weight, *count) for stage, count in counts.items())
    return round(sum(weight * done / total for weight, done, total in shares if total), 4)


def _errors(folder: JobFolder, plan: Plan | None, status: JobStatus | None) -> list[UnitError]:
    if folder.failure_path.exists():
        stage = Stage.FINISH if plan else Stage.PLAN
        sentence = _read(folder, "failure.json").get("sentence") or "the job failed, and its reason cannot be read"
        return [UnitError(stage=stage, unit=0, sentence=str(sentence))]
    if status is not None:
        failed = sorted(status.failed.items())
        return [UnitError(stage=stage, unit=unit, sentence=reason) for (stage, unit), reason in failed]
    errors = _read(folder, "report.json").get("errors")
    return [UnitError.model_validate(e) for e in errors] if isinstance(errors, list) else []


def read_report(folder: JobFolder) -> dict[str, object]:
    """Return report.json; empty before the job's end."""
    return _read(folder, "report.json")


def _read(folder: JobFolder, name: str) -> dict[str, object]:
    try:
        found = json.loads((folder.path / name).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _links(job: str, state: State, is_measured: bool) -> dict[str, str]:
    base = f"/v1/jobs/{job}"
    names = ["events", "timeline", "view"]
    match state:
        case "queued" | "running":
            names += ["cancel"]
        case "completed":
            names += ["mask", "overlay", "report", "exports"]
        case "completed_with_errors":
            names += ["mask", "overlay", "report", "exports", "retry"]
        case "failed" | "cancelled":
            names += ["retry"]
    if is_measured and state in ("completed", "completed_with_errors"):
        names += ["measurements", "uncertain"]
    return {"self": base, **{name: f"{base}/{name}" for name in names}}


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
