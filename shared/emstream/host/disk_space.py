"""Room on the disk of the service's data."""

from __future__ import annotations

import shutil

from emstream.settings import Settings

GIGABYTE = 1e9


def free_bytes(settings: Settings) -> int:
    """Return the free bytes on the disk that holds the jobs."""
    return shutil.disk_usage(settings.data).free


def has_room(settings: Settings) -> bool:
    """Return whether more than the watermark is free: below it no new slab is read and no upload accepted."""
    return free_bytes(settings) > settings.min_free_gb * GIGABYTE
