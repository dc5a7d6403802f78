"""This machine: memory allocator, processor features, child processes, private files, disk space."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from emstream.settings import Settings

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


_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> Callable[[], None] | None:
    """Return what a new process calls between fork and exec to be killed when its parent ends; None where it cannot.

    Linux only. The kernel looks at the parent's *thread*: start children from one that lives as long as they shall.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded here: nothing may be loaded between fork and exec
    parent = os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return ask_the_kernel


ONEDNN_VARIABLE = "ONEDNN_MAX_CPU_ISA"
WITHOUT_AMX = "AVX512_CORE_FP16"


def limit_instructions(use_amx: bool) -> str:
    """Keep oneDNN (in OpenVINO and in torch) from AMX unless wanted; return the limit in force, for the fingerprint.

    Some virtual machines offer AMX and lose the tiles' configuration when they switch threads: the process then dies of
    an illegal instruction in the middle of a batch (seen with bf16 in both engines), which nothing can catch. To be
    called before the engine's first computation; a limit that the user has set stays.
    """
    if not use_amx:
        os.environ.setdefault(ONEDNN_VARIABLE, WITHOUT_AMX)
    return os.environ.get(ONEDNN_VARIABLE, "all")


GIGABYTE = 1e9


def free_bytes(settings: Settings) -> int:
    """Return the free bytes on the disk that holds the jobs."""
    return shutil.disk_usage(settings.data).free


def used_bytes(settings: Settings) -> int:
    """Return the used bytes of the disk that holds the jobs, whoever uses them."""
    return shutil.disk_usage(settings.data).used


def has_room(settings: Settings) -> bool:
    """Return whether more than the watermark is free: below it no new slab is read and no upload accepted."""
    return free_bytes(settings) > settings.min_free_gb * GIGABYTE


MODE = 0o600
_SECRET_LENGTH = 43


def keep_private(folder: Path) -> None:
    """Make a folder and what is in it its owner's alone: 0700, and 0600 for files.

    A folder that others could open is corrected down to its last file; in one that was private, only its entries are
    looked at, as others cannot have reached deeper ones. What belongs to another user stays as it is.
    """
    if _close_to_others(folder):
        for path in folder.rglob("*"):
            _close_to_others(path)
    for path in folder.iterdir():
        _close_to_others(path)


def _close_to_others(path: Path) -> bool:
    """Take the rights of others away; return True if there were any."""
    with suppress(FileNotFoundError, PermissionError):
        mode = path.lstat().st_mode
        if mode & 0o077 and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & 0o700)
            return True
    return False


def kept_secret(path: Path) -> str:
    """Return the secret in a file, 256 bits as text; a file without one gets it. Processes may share it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(50):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as file:
                file.write(secrets.token_urlsafe(32))
        except FileExistsError:
            kept = path.read_bytes().decode(errors="replace").strip()
            if len(kept) >= _SECRET_LENGTH and kept.isascii():
                path.chmod(MODE)
                return kept
            time.sleep(0.01)  # another process is writing it
    write_private(path, secrets.token_urlsafe(32).encode())  # one that was cut off
    return path.read_text()


def write_private(final: Path, content: bytes) -> None:
    """Replace `final` in one step by a file with mode 0600; no other user can read it at any moment."""
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(f".{final.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)
