"""Settings of the memory allocator: freed memory goes back to the system at once."""

from __future__ import annotations

import ctypes
import sys

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8  # malloc.h of glibc
OWN_MAPPING_BYTES = 2**20
ARENAS = 2


def return_freed_memory() -> None:
    """Ask glibc to map each array of 1 MiB and more by itself, and to keep two arenas.

    Sections and packages come and go in several threads; left in arenas, their gaps add up with the length of a run,
    and a long stack needs more memory than a short one. Elsewhere than on Linux with glibc nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES)
        mallopt(M_ARENA_MAX, ARENAS)
