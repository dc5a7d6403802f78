"""Actions on a job: start, cancel, retry, delete. Each is safe to repeat, and brings the disk up to date first.

Only job.json is synced to the disk: a killed process loses nothing either way, and each sync delays other writes.
"""

from __future__ import annotations

import json
import logging
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from emstream.api.problems import NotReady
from emstream.errors import InputUnreadable, UnknownObject, UploadRefused
from emstream.jobs.finish_tasks import RESULT, FinishTask
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import InputFile, JobRecord, Plan, PlannedJob, input_identity
from emstream.jobs.retention import INPUT_GONE, SECTIONS_GONE, has_sections
from emstream.readers.confined import open_below
from emstream.readers.samples import is_clutter
from emstream.readers.section_numbers import in_natural_order
from emstream_gateway.context import AppContext
from emstream_gateway.jobs.inputs import INPUT, as_input, identity_of, link_files, source_of
from emstream_gateway.jobs.status import state_of
from emstream_gateway.storage.file_names import check_one_folder
from emstream_gateway.storage.job_store import UploadHeader
from emstream_gateway.storage.quotas import is_over
from emstream_gateway.storage.uploads import Arrival, Upload

logger = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def prepare(context: AppContext, upload: Upload) -> JobRecord:
    """Bring the uploaded files into their order under input/; return the record, which is not written yet.

    Raises NotReady if a file is incomplete, UploadRefused if there is nothing to segment.
    """
    arrivals = upload.close()
    wanted = in_natural_order((a for a in arrivals if not is_clutter(a.name)), lambda a: a.name)
    if not wanted:
        upload.reopen()
        raise UploadRefused("the job has hidden files only: PUT at least one section or stack, then start")
    try:
        check_one_folder(a.name for a in wanted)
    except UploadRefused:
        upload.reopen()
        raise
    (upload.path / INPUT).mkdir(exist_ok=True)
    files = tuple(_place(upload.path, number, arrival) for number, arrival in enumerate(wanted))
    return _record(context, upload.header, INPUT, files)


def _place(folder: Path, number: int, arrival: Arrival) -> InputFile:
    file = as_input(number, arrival)
    source = folder / "incoming" / arrival.path.name
    if source.exists():  # else an interrupted start has moved it
        source.rename(folder / file.stored)
    return file


def _record(context: AppContext, header: UploadHeader, source: str, files: tuple[InputFile, ...] = ()) -> JobRecord:
    """Return the record of a job to start. source: INPUT with the job's files, or a path on the server."""
    settings = context.settings
    return JobRecord(
        id=header.id,
        owner=header.owner,
        name=header.name,
        created=header.created,
        request=header.settings.request(source, settings.slab_sections, settings.core_side),
        files=files,
        input_identity=identity_of(files) if files else _identity_of(Path(source)),
        formats=header.settings.formats,
    )


def start_upload(context: AppContext, folder: JobFolder) -> None:
    """Start a job whose files have arrived. One that is started goes on, also if its entering was interrupted."""
    if folder.record_path.exists():
        _enter_started(context, folder)
        return
    upload = context.uploads.get(folder)
    with upload.starting:
        if folder.record_path.exists():
            return
        folder.write(_record_of(context, upload))
    context.uploads.drop(folder.path.name)
    _drop_clutter(folder.path)
    enter(context, upload.header)


def _record_of(context: AppContext, upload: Upload) -> JobRecord:
    header = upload.header
    if header.input is None:
        return prepare(context, upload)
    source = server_input(context, header.input)
    return _record(context, header, str(source))


def start_whole(context: AppContext, uploads: list[Upload]) -> list[JobFolder]:
    """Start the jobs of a multipart upload: all are prepared before the first one is visible."""
    records = [prepare(context, upload) for upload in uploads]
    folders = []
    for upload, record in zip(uploads, records, strict=True):
        context.store.write_header(upload.path, upload.header)
        JobFolder(upload.path).write(record)
        _drop_clutter(upload.path)
        folder = context.store.folder(record.id)
        upload.path.rename(folder.path)
        upload.moved(folder.path)
        folders.append(folder)
    for upload in uploads:
        enter(context, upload.header)
    return folders


def keep_server_input(context: AppContext, header: UploadHeader, source: Path) -> JobFolder:
    """Make a job on files of the server, to be started later."""
    folder = context.store.folder(header.id)
    context.store.write_header(folder.path, header.model_copy(update={"input": str(source)}))
    return folder


def start_server_input(context: AppContext, header: UploadHeader, source: Path) -> JobFolder:
    """Start a job on files of the server."""
    folder = context.store.folder(header.id)
    context.store.write_header(folder.path, header)
    folder.write(_record(context, header, str(source)))
    enter(context, header)
    return folder


def start_copy(context: AppContext, header: UploadHeader, of: JobFolder) -> JobFolder:
    """Start a job on the files of another one, by hard links. Raises NotReady if they have not all arrived."""
    source = source_of(context, of)
    if source.server_path is not None:
        return start_server_input(context, header, server_input(context, source.server_path))
    part = JobFolder(context.store.path / f".upload-{header.id}")
    context.store.write_header(part.path, header)
    link_files(source, part)
    part.write(_record(context, header, INPUT, source.files))
    folder = context.store.folder(header.id)
    part.path.rename(folder.path)
    enter(context, header)
    return folder


def enter(context: AppContext, header: UploadHeader) -> None:
    """Enter a job into the ledger; while the broker is away, the dispatcher does it once it is back."""
    if context.try_broker(lambda: context.ledger.enter(header.id, header.owner)):
        context.nudge()
    logger.info("job started", extra={"job": header.id, "owner": header.owner})


def _enter_started(context: AppContext, folder: JobFolder) -> None:
    """Enter a started job as the disk shows it, unless it is over or the ledger knows it."""
    record = context.store.record(folder)
    if record is None or is_over(folder):
        return
    if context.try_broker(lambda: context.ledger.enter(record.id, record.owner, folder.found())):
        context.nudge()


def server_input(context: AppContext, path: str) -> Path:
    """Return a path under EMSTREAM_INPUT_ROOTS. Raises UploadRefused, the same whether or not other paths exist."""
    roots = [Path(root).resolve() for root in context.settings.input_roots.split(":") if root]
    if not roots:
        raise UploadRefused("this server takes no paths as input (EMSTREAM_INPUT_ROOTS is empty): upload the files")
    if not path.isprintable() or not re.match("/", path):
        raise UploadRefused("the input is no absolute path on the server: give one under EMSTREAM_INPUT_ROOTS")
    source = Path(os.path.realpath(path))
    try:
        os.close(open_below(source, tuple(roots)))
    except (OSError, InputUnreadable):
        raise UploadRefused(
            f"there is no file or folder {path!r} under this server's EMSTREAM_INPUT_ROOTS that it can read: "
            "give one that exists"
        ) from None
    return source


def _identity_of(source: Path) -> str:
    try:
        return input_identity(source)
    except OSError as error:
        raise UploadRefused(
            f"the input {source} cannot be read ({error.strerror}): check it, then send it again"
        ) from error


def cancel(context: AppContext, folder: JobFolder) -> None:
    """Stop a job; one that is over stays as it is. Raises BrokerUnavailable."""
    if state_of(context, folder) in ("completed", "completed_with_errors", "failed"):
        return
    folder.cancelled_path.touch()
    context.ledger.cancel(folder.path.name)


def retry(context: AppContext, folder: JobFolder, owner: str) -> None:
    """Run again what failed or was cancelled; finished units are kept.

    The ledger forgets the job before the marks go: until then the dispatcher does not enter it from the disk.
    """
    state = state_of(context, folder)
    if state not in ("failed", "cancelled", "completed_with_errors"):
        raise NotReady(f"the job is {state}: only a job that failed, was cancelled or has errors can be retried")
    record = context.store.record(folder)
    if record is not None and record.files and not (folder.path / INPUT).exists():
        raise NotReady(INPUT_GONE)
    if not has_sections(folder):
        raise NotReady(f"{SECTIONS_GONE}: the job cannot be retried; start a new one")
    context.ledger.forget(folder.path.name)
    for mark in (folder.failure_path, folder.report_path, folder.cancelled_path):
        mark.unlink(missing_ok=True)
    if folder.record_path.exists():
        context.ledger.enter(folder.path.name, owner, folder.found())
        context.nudge()


def change_thresholds(
    context: AppContext, folder: JobFolder, record: PlannedJob, thresholds: Mapping[str, float]
) -> None:
    """Have masks, labels and measurements of a completed job made again by other thresholds; the others stay.

    The probabilities stay. Safe to repeat: job.json changes in one step, and the report goes before the unit is given
    out, so a job left half way counts as unfinished, and is finished. Raises NotReady, UnknownObject.
    """
    if not has_sections(folder):
        raise NotReady(f"{SECTIONS_GONE}: its thresholds stay as they are; start a new job for others")
    objects = record.plan.objects
    for name in thresholds:
        if name not in objects:
            raise UnknownObject(f"the job has no object {name[:40]!r}; it has: {', '.join(objects)}")
    folder.write(_with_thresholds(record, thresholds))
    folder.report_path.unlink(missing_ok=True)
    request_finish(context, folder, RESULT)


def thresholds_tag(plan: Plan) -> str:
    """Return an ETag of a job's thresholds."""
    return f'"{zlib.crc32(json.dumps(plan.thresholds, sort_keys=True).encode()):08x}"'


def _with_thresholds(record: PlannedJob, thresholds: Mapping[str, float]) -> JobRecord:
    plan = record.plan.model_copy(update={"thresholds": {**record.plan.thresholds, **thresholds}})
    common = set(plan.thresholds.values())
    only = common.pop() if len(common) == 1 else None  # `emstream predict` takes one threshold for all objects
    request = record.request.model_copy(update={"threshold": only})
    return record.model_copy(update={"plan": plan, "request": request})


def delete(context: AppContext, folder: JobFolder) -> None:
    """Remove a job and its files. The mark keeps it from being entered again before it is gone."""
    folder.cancelled_path.touch()
    context.ledger.forget(folder.path.name)
    context.uploads.drop(folder.path.name)
    context.slabs.drop(folder.path)
    context.store.remove(folder.path.name)


def save_name(record: JobRecord, name: str) -> str:
    """Return the name under which to save a file of a job."""
    base = _UNSAFE.sub("_", record.name).strip("._") or record.id[:8]
    return f"{base}_{name}"


def request_finish(context: AppContext, folder: JobFolder, task: FinishTask) -> None:
    """Have a task of `finish` run for a job, again if it ran before; one that waits or runs stays as it is."""
    job = folder.path.name
    if context.ledger.status(job) is None:
        context.ledger.enter(job, context.store.owner_of(folder), folder.found())
    context.ledger.add(job, task.unit)
    context.nudge()


def _drop_clutter(folder: Path) -> None:
    for path in (folder / "incoming").iterdir():
        path.unlink()
    (folder / "incoming").rmdir()
    (folder / "arrivals.jsonl").unlink(missing_ok=True)
