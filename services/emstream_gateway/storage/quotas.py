"""Quotas of a key (bytes, jobs) and the space that stays free on the disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

from emstream.api.problems import TooManyJobs
from emstream.errors import DiskFull
from emstream.host import GIGABYTE, free_bytes, used_bytes
from emstream.jobs.folder import JobFolder
from emstream.settings import Settings
from emstream_gateway.storage.job_store import JobStore
from emstream_gateway.storage.uploads import UploadLimits

CHECK_EVERY_BYTES = 64 << 20
"""Bytes of an arriving body after which the quota is checked again."""
_RECOUNT_S = 10.0
_RECOUNT_OVER_S = 300.0


class Quotas:
    """Checks of quotas. A job's bytes are counted again after 10 s, of one that is over after 300 s."""

    def __init__(self, store: JobStore, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._counted: dict[str, tuple[float, int]] = {}

    @property
    def upload_limits(self) -> UploadLimits:
        """Limits of one upload."""
        return UploadLimits(self._settings.max_files, int(self._settings.max_file_gb * GIGABYTE))

    def free_bytes(self) -> int:
        """Return the free space of the data folder's disk."""
        return free_bytes(self._settings)

    def check_bytes(self, owner: str, more: int) -> None:
        """Raise DiskFull if `more` bytes would pass the disk's watermark or the key's quota."""
        free, least = self.free_bytes(), self._settings.min_free_gb * GIGABYTE
        if free - more < least:
            raise DiskFull(
                f"the server's disk has {free / GIGABYTE:.1f} GB free and keeps {least / GIGABYTE:.1f} GB: "
                f"{more / GIGABYTE:.1f} GB more do not fit. Delete jobs, or ask for more disk"
            )
        most = self._settings.max_stored_gb * GIGABYTE
        if used_bytes(self._settings) + more <= most:
            return  # no key keeps more than the whole disk has: no folder needs to be counted
        stored = self.stored_bytes(owner)
        if stored + more > most:
            raise DiskFull(
                f"the jobs of this key keep {stored / GIGABYTE:.1f} GB, at most {most / GIGABYTE:.1f} GB are allowed: "
                f"{more / GIGABYTE:.1f} GB more do not fit. Delete jobs that are over"
            )

    def check_jobs(self, owner: str, more: int = 1) -> None:
        """Raise TooManyJobs if `more` jobs would be too many unfinished ones."""
        most = self._settings.max_running_jobs
        entries = self._store.entries(owner)
        running = len(entries) if len(entries) + more <= most else sum(not self._is_over(e.id) for e in entries)
        if running + more > most:
            raise TooManyJobs(
                f"this key has {running} unfinished jobs, at most {most} are allowed, and {more} more were sent: "
                "wait for some to finish, or cancel them"
            )

    def stored_bytes(self, owner: str) -> int:
        """Return the bytes of an owner's jobs on disk."""
        return sum(self._bytes_of(entry.id) for entry in self._store.entries(owner))

    def _is_over(self, job: str) -> bool:
        return is_over(self._store.folder(job))

    def _bytes_of(self, job: str) -> int:
        now = time.monotonic()
        expires, count = self._counted.get(job, (0.0, 0))
        if expires < now:
            folder = self._store.folder(job)
            count = bytes_in(folder.path)
            self._counted[job] = (now + (_RECOUNT_OVER_S if is_over(folder) else _RECOUNT_S), count)
        return count


def is_over(folder: JobFolder) -> bool:
    """Return True if nothing more happens to the job by itself."""
    return any(path.exists() for path in (folder.report_path, folder.failure_path, folder.cancelled_path))


def bytes_in(path: Path) -> int:
    """Return the bytes of all files in a folder; files deleted meanwhile do not count."""
    total = 0
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += bytes_in(Path(entry.path))
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return total
    return total
