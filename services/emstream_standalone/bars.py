"""Progress bars on a terminal's standard error; none elsewhere, nor for a quiet command."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.progress import Progress, ProgressColumn

PLAIN_EVERY_S = 5.0
"""Seconds between two plain lines, where standard error is no terminal."""


class Bars:
    """A context manager that shows its bars while it lasts. has_bars: standard error is a terminal to show them on."""

    def __init__(self, is_quiet: bool, *columns: ProgressColumn) -> None:
        self.is_quiet = is_quiet
        self.has_bars = sys.stderr.isatty() and not is_quiet
        self.progress = Progress(*columns, transient=True)
        self.progress.console.file = sys.stderr

    def __enter__(self) -> Self:
        if self.has_bars:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.has_bars:
            self.progress.stop()
