"""The entry point of the command `emstream`: every failure ends as a sentence and an exit code.

Exit codes: 0 done, 2 wrong usage, 3 unreadable input, 4 failed, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from emstream.errors import DiskFull, EmstreamError, Interrupted
from emstream_cli.app import app
from emstream_cli.console import warn

__all__ = ["app", "main"]
logger = logging.getLogger(__name__)


def main() -> NoReturn:
    """Run the command line; every failure ends as a sentence and an exit code, never as a traceback."""
    try:
        app(standalone_mode=True)
    except EmstreamError as error:
        warn(f"emstream: {error}")
        if isinstance(error, DiskFull | Interrupted):
            _leave_at_once(error.exit_code)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        warn("emstream: interrupted; run the same command again to go on")
        _leave_at_once(130)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        logger.debug("unexpected error", exc_info=True)
        warn(
            f"emstream: {type(error).__name__}: {error}. This is a mistake in emstream: please report it "
            "with the output of EMSTREAM_LOG_LEVEL=DEBUG"
        )
        sys.exit(4)
    sys.exit(0)


def _leave_at_once(code: int) -> NoReturn:
    """End without Python's clean-up.

    HDF5 crashes there on files whose last flush found the disk full, and it waits for ever where Ctrl-C left a thread
    inside the engine. Nothing is lost: files appear under their final names only when they are whole.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
