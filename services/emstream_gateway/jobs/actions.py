"""What can be done to a job: start, cancel, retry, delete. Each is safe to repeat, and leaves the disk right first.

Only job.json is synced to the disk: a killed process loses nothing either way, and each sync holds up others' writes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from emstream.api.problems import NotReady
from emstream.errors import UnknownObject, UploadRefused
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import InputFile, JobRecord, input_identity
from emstream.jobs.retention import INPUT_GONE, SECTIONS_GONE, has_sections
from emstream.readers.natural_order import natural_key
from emstream_gateway.context import Parts
from emstream_gateway.jobs.inputs import INPUT, as_input, identity_of, link_files, source_of
from emstream_gateway.jobs.status import state_of
from emstream_gateway.storage.file_names import check_one_folder, is_clutter
from emstream_gateway.storage.job_store import UploadHeader
from emstream_gateway.storage.uploads import Arrival, Upload

logger = logging.getLogger(__name__)
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def prepare(parts: Parts, upload: Upload) -> JobRecord:
    """Bring the uploaded files into their order under input/; return the record, which is not written yet.

    Raises NotReady if a file is not whole, UploadRefused if there is nothing to segment.
    """
    arrivals = upload.close()
    wanted = sorted((a for a in arrivals if not is_clutter(a.name)), key=lambda a: natural_key(a.name))
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
    return _record(parts, upload.header, INPUT, files, identity_of(files))


def _place(folder: Path, number: int, arrival: Arrival) -> InputFile:
    file = as_input(number, arrival)
    source = folder / "incoming" / arrival.path.name
    if source.exists():  # else a start that was killed has moved it
        source.rename(folder / file.stored)
    return file


def _record(parts: Parts, header: UploadHeader, source: str, files: tuple[InputFile, ...], identity: str) -> JobRecord:
    settings = parts.settings
    return JobRecord(
        id=header.id,
        owner=header.owner,
        name=header.name,
        created=header.created,
        request=header.settings.request(source, settings.slab_sections, settings.core_side),
        files=files,
        input_identity=identity,
        formats=header.settings.formats,
    )


def start_upload(parts: Parts, folder: JobFolder) -> None:
    """Start a job whose files have arrived. One that is started stays as it is."""
    if folder.record_path.exists():
        return
    upload = parts.uploads.get(folder)
    with upload.starting:
        if folder.record_path.exists():
            return
        folder.write(_record_of(parts, upload))
    parts.uploads.drop(folder.path.name)
    _drop_clutter(folder.path)
    enter(parts, upload.header)


def _record_of(parts: Parts, upload: Upload) -> JobRecord:
    header = upload.header
    if header.input is None:
        return prepare(parts, upload)
    source = server_input(parts, header.input)
    return _record(parts, header, str(source), (), input_identity(source))


def start_whole(parts: Parts, uploads: list[Upload]) -> list[JobFolder]:
    """Start the jobs of a multipart upload: all are prepared before the first one is seen by anybody."""
    records = [prepare(parts, upload) for upload in uploads]
    folders = []
    for upload, record in zip(uploads, records, strict=True):
        parts.shelf.write_header(upload.path, upload.header)
        JobFolder(upload.path).write(record)
        _drop_clutter(upload.path)
        folder = parts.shelf.folder(record.id)
        upload.path.rename(folder.path)
        upload.moved(folder.path)
        folders.append(folder)
    for upload in uploads:
        enter(parts, upload.header)
    return folders


def keep_server_input(parts: Parts, header: UploadHeader, source: Path) -> JobFolder:
    """Make a job on files that are on the server already, to be started later."""
    folder = parts.shelf.folder(header.id)
    parts.shelf.write_header(folder.path, header.model_copy(update={"input": str(source)}))
    return folder


def start_server_input(parts: Parts, header: UploadHeader, source: Path) -> JobFolder:
    """Start a job on files that are on the server already."""
    folder = parts.shelf.folder(header.id)
    parts.shelf.write_header(folder.path, header)
    folder.write(_record(parts, header, str(source), (), input_identity(source)))
    enter(parts, header)
    return folder


def start_copy(parts: Parts, header: UploadHeader, of: JobFolder) -> JobFolder:
    """Start a job on the files of another one, by hard links. Raises NotReady if they have not all arrived."""
    source = source_of(parts, of)
    if source.server_path is not None:
        return start_server_input(parts, header, server_input(parts, source.server_path))
    part = JobFolder(parts.shelf.path / f".upload-{header.id}")
    parts.shelf.write_header(part.path, header)
    link_files(source, part)
    part.write(_record(parts, header, INPUT, source.files, identity_of(source.files)))
    folder = parts.shelf.folder(header.id)
    part.path.rename(folder.path)
    enter(parts, header)
    return folder


def enter(parts: Parts, header: UploadHeader) -> None:
    """Enter a job into the ledger; while the broker is away `records` does, once it is back."""
    if parts.try_broker(lambda: parts.ledger.enter(header.id, header.owner)):
        parts.nudge()
    logger.info("job started", extra={"job": header.id, "owner": header.owner})


def server_input(parts: Parts, path: str) -> Path:
    """Return a path under EMSTREAM_INPUT_ROOTS. Raises UploadRefused, the same whether or not other paths exist."""
    roots = [Path(root).resolve() for root in parts.settings.input_roots.split(":") if root]
    if not roots:
        raise UploadRefused("this server takes no paths as input (EMSTREAM_INPUT_ROOTS is empty): upload the files")
    if not path.isprintable() or not re.match("/", path):
        raise UploadRefused("the input is no absolute path on the server: give one under EMSTREAM_INPUT_ROOTS")
    source = Path(path).resolve()
    if not any(source.is_relative_to(root) for root in roots) or not source.exists():
        raise UploadRefused(f"there is no {path!r} under this server's EMSTREAM_INPUT_ROOTS: give a path that is")
    return source


def cancel(parts: Parts, folder: JobFolder) -> None:
    """Stop a job; one that is over stays as it is. Raises what the ledger raises while the broker is away."""
    if state_of(parts, folder) in ("completed", "completed_with_errors", "failed"):
        return
    folder.cancelled_path.touch()
    parts.ledger.cancel(folder.path.name)


def retry(parts: Parts, folder: JobFolder, owner: str) -> None:
    """Do again what failed or was cancelled; what is done is kept.

    The ledger forgets the job before the marks go: until then nobody enters it from the disk.
    """
    state = state_of(parts, folder)
    if state not in ("failed", "cancelled", "completed_with_errors"):
        raise NotReady(f"the job is {state}: only one that failed, was cancelled or has errors can be done again")
    record = parts.shelf.record(folder)
    if record is not None and record.files and not (folder.path / INPUT).exists():
        raise NotReady(INPUT_GONE)
    if not has_sections(folder):
        raise NotReady(f"{SECTIONS_GONE}: what failed cannot be done again; start a new job")
    parts.ledger.forget(folder.path.name)
    for mark in (folder.failure_path, folder.report_path, folder.cancelled_path):
        mark.unlink(missing_ok=True)
    if folder.record_path.exists():
        parts.ledger.enter(folder.path.name, owner, folder.found())
        parts.nudge()


def derive_anew(parts: Parts, folder: JobFolder, thresholds: Mapping[str, float]) -> None:
    """Have masks, labels and measurements made anew by other thresholds; what is not named keeps its own.

    The probabilities stay. Safe to repeat: job.json changes in one step, and the report goes before the unit is given
    out, so a job left half way counts as unfinished, and is finished. Raises NotReady, UnknownObject.
    """
    record = parts.shelf.record(folder)
    if record is None or record.plan is None or not folder.report_path.exists():
        state = state_of(parts, folder)
        raise NotReady(f"the job is {state}: its thresholds can be changed once it is completed")
    if not has_sections(folder):
        raise NotReady(f"{SECTIONS_GONE}: its thresholds stay as they are; start a new job for others")
    for name in thresholds:
        if name not in record.plan.objects:
            raise UnknownObject(f"the job has no object {name[:40]!r}; it has: {', '.join(record.plan.objects)}")
    plan = record.plan.model_copy(update={"thresholds": {**record.plan.thresholds, **thresholds}})
    common = set(plan.thresholds.values())
    only = common.pop() if len(common) == 1 else None  # the command that makes it again knows one for all objects
    request = record.request.model_copy(update={"threshold": only})
    folder.write(record.model_copy(update={"plan": plan, "request": request}))
    folder.report_path.unlink(missing_ok=True)
    if parts.ledger.status(record.id) is None:
        parts.ledger.enter(record.id, record.owner, folder.found())
    parts.ledger.add(record.id, 0)
    parts.nudge()


def delete(parts: Parts, folder: JobFolder) -> None:
    """Remove a job and its files. The mark keeps it from being entered again before it is gone."""
    folder.cancelled_path.touch()
    parts.ledger.forget(folder.path.name)
    parts.uploads.drop(folder.path.name)
    parts.slabs.drop(folder.path)
    parts.shelf.remove(folder.path.name)


def save_name(record: JobRecord, name: str) -> str:
    """Return the name under which to save a file of a job."""
    base = _UNSAFE.sub("_", record.name).strip("._") or record.id[:8]
    return f"{base}_{name}"


def ask_for(parts: Parts, folder: JobFolder, unit: int) -> None:
    """Have a `finish` unit of a job done, again if it was done before; one that waits or runs stays as it is."""
    job = folder.path.name
    if parts.ledger.status(job) is None:
        record = parts.shelf.record(folder)
        assert record is not None
        parts.ledger.enter(job, record.owner, folder.found())
    parts.ledger.add(job, unit)
    parts.nudge()


def _drop_clutter(folder: Path) -> None:
    for path in (folder / "incoming").iterdir():
        path.unlink()
    (folder / "incoming").rmdir()
    (folder / "arrivals.jsonl").unlink(missing_ok=True)
