"""Jobs on disk: their owners, their folders, and their removal.

    <data>/jobs/<id>/          a job: upload.json while it is uploading, job.json once it is started
    <data>/jobs/.upload-<id>/  a multipart upload in flight: becomes <id> when it is complete
    <data>/jobs/.inspect-<id>/ the inspection of a job's files: see emstream.jobs.inspection
    <data>/jobs/.deleted-<id>/ a deleted job whose files are being removed

The gateway is one process: it remembers records that it read or wrote itself, and checks them by the file's time.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from emstream.api.jobs import JobSettings
from emstream.errors import JobNotFound, UploadConflict
from emstream.jobs.folder import JobFolder
from emstream.jobs.inspection import PREFIX as INSPECTION
from emstream.jobs.inspection import inspection_folder
from emstream.jobs.record import JobRecord

logger = logging.getLogger(__name__)
_ID = re.compile(r"[0-9a-f]{32}")
_REMEMBERED = 256
"""Largest number of records kept in memory; one with 8192 files takes some 3 MB."""
STALE_S = 3600.0
"""Seconds after which an untouched folder that is no job counts as left by a killed gateway."""
KEY_S = 30 * 86400.0
"""Seconds that an Idempotency-Key counts."""


class UploadHeader(BaseModel):
    """upload.json: a job before it is started. input: a path on the server, instead of files."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner: str
    name: str
    created: float
    settings: JobSettings
    input: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A job in the list. created: seconds since the epoch."""

    id: str
    owner: str
    created: float


class JobStore:
    """See the module's text. Safe to call from several threads."""

    def __init__(self, data: Path) -> None:
        self.path = data / "jobs"
        self._keys = data / "idempotency"
        for folder in (self.path, self._keys):
            folder.mkdir(parents=True, exist_ok=True)
        self._entries: dict[str, Entry] = {}
        self._records: OrderedDict[str, tuple[tuple[int, int], JobRecord]] = OrderedDict()
        self._lock = threading.Lock()
        self.claiming = threading.Lock()

    def folder(self, job: str) -> JobFolder:
        """Return a job's folder, which need not exist."""
        return JobFolder(self.path / job)

    def new(self, owner: str, name: str, settings: JobSettings) -> UploadHeader:
        """Return the header of a new job; nothing is written."""
        return UploadHeader(id=uuid.uuid4().hex, owner=owner, name=name, created=time.time(), settings=settings)

    def owned(self, job: str, owner: str) -> JobFolder:
        """Return the folder of a job of this owner. Raises JobNotFound, the same for one that another owns."""
        entry = self._entry(job) if _ID.fullmatch(job) else None
        if entry is None or entry.owner != owner:
            raise JobNotFound(f"there is no job {job[:40]!r} of this key: GET /v1/jobs lists its jobs")
        return self.folder(job)

    def owner_of(self, folder: JobFolder) -> str:
        """Return the owner of a job. Raises JobNotFound."""
        entry = self._entry(folder.path.name)
        if entry is None:
            raise JobNotFound(f"there is no job {folder.path.name!r} any more")
        return entry.owner

    def entries(self, owner: str | None = None) -> list[Entry]:
        """Return the jobs of an owner, or of all, newest first."""
        there = [path.name for path in self.path.iterdir() if _ID.fullmatch(path.name)]
        found = [entry for entry in map(self._entry, there) if entry and owner in (None, entry.owner)]
        return sorted(found, key=lambda entry: (entry.created, entry.id), reverse=True)

    def record(self, folder: JobFolder) -> JobRecord | None:
        """Return job.json, read again only when it has changed. None: the job is not started."""
        try:
            facts = folder.record_path.stat()
        except FileNotFoundError:
            return None
        stamp = (facts.st_mtime_ns, facts.st_ino)
        with self._lock:
            known = self._records.get(folder.path.name)
            if known and known[0] == stamp:
                self._records.move_to_end(folder.path.name)
                return known[1]
        record = folder.read()
        if record is not None:
            with self._lock:
                self._records[folder.path.name] = (stamp, record)
                while len(self._records) > _REMEMBERED:
                    self._records.popitem(last=False)
        return record

    def header(self, folder: JobFolder) -> UploadHeader | None:
        """Return upload.json, or None if there is none."""
        try:
            return UploadHeader.model_validate_json((folder.path / "upload.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None

    def write_header(self, path: Path, header: UploadHeader) -> None:
        """Write upload.json into a job's folder; not synced, as the bytes that follow are not: see `jobs.actions`."""
        path.mkdir(parents=True, exist_ok=True)
        part = path / ".upload.json.part"
        part.write_text(header.model_dump_json())
        part.replace(path / "upload.json")

    def claim_key(self, owner: str, key: str, job: str, body: str) -> JobFolder | None:
        """Note that an Idempotency-Key makes `job` of a body; return the job that it made before, if that still exists.

        To be called, and the job made, while holding `claiming`. Raises UploadConflict if that job was made of another
        body.
        """
        digest = hashlib.sha256(body.encode()).hexdigest()
        path = self._keys / hashlib.sha256(f"{owner}\0{key}".encode()).hexdigest()
        if path.exists() and time.time() - path.stat().st_mtime < KEY_S:
            made, _, made_of = path.read_text().partition(" ")
            known = self.folder(made)
            if known.path.is_dir():
                if made_of not in ("", digest):  # version 0.2 wrote no digest
                    raise UploadConflict(
                        f"the Idempotency-Key was sent before with other content, and made job {made}: send the same "
                        "content again, or another key"
                    )
                return known
        path.write_text(f"{job} {digest}")
        return None

    def remove(self, job: str) -> None:
        """Remove a job at once; its files are deleted in a thread."""
        gone = self.path / f".deleted-{job}"
        (self.path / job).rename(gone)
        self.remove_inspection(job)
        with self._lock:
            self._entries.pop(job, None)
            self._records.pop(job, None)
        threading.Thread(target=shutil.rmtree, args=(gone, True), name="remove job", daemon=True).start()

    def remove_inspection(self, job: str) -> None:
        """Delete the inspection of a job's files."""
        shutil.rmtree(inspection_folder(self.path, job).path, ignore_errors=True)

    def clear_leftovers(self) -> None:
        """Delete leftovers of a killed gateway: deleted jobs, interrupted uploads, folders that are no job."""
        for path in self._keys.iterdir():
            if time.time() - path.stat().st_mtime > KEY_S:
                path.unlink(missing_ok=True)
        for path in self.path.iterdir():
            is_deleted = path.name.startswith(".deleted-")
            is_no_job = path.name.startswith((".upload-", INSPECTION)) or not _is_job(path)
            if is_deleted or (is_no_job and time.time() - _touched(path) > STALE_S):
                logger.info("leftover removed", extra={"folder": path.name})
                shutil.rmtree(path, ignore_errors=True)

    def _entry(self, job: str) -> Entry | None:
        known = self._entries.get(job)
        folder = self.folder(job)
        if known is not None and folder.path.is_dir():
            return known
        found = self.header(folder) or self.record(folder)
        if found is None or found.id != job:
            return None
        entry = Entry(job, found.owner, found.created)
        self._entries[job] = entry
        return entry


def _is_job(path: Path) -> bool:
    """Return True if a folder has a job's header or record, damaged or not: reading thousands takes seconds."""
    return (path / "upload.json").exists() or (path / "job.json").exists()


def _touched(path: Path) -> float:
    times = [path.stat().st_mtime, *(p.lstat().st_mtime for p in path.glob("**/*"))]
    return max(times)
