"""Files that only their owner may read: keys and tokens."""

from __future__ import annotations

import os
from pathlib import Path

MODE = 0o600


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
