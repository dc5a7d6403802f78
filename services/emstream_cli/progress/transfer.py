"""Progress of bytes going up or down: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from emstream_standalone.bars import PLAIN_EVERY_S, Bars

MEGABYTE = 1e6


class TransferProgress(Bars):
    """Shows bytes done and in all on standard error. A context manager; call it with both."""

    def __init__(self, verb: str, is_quiet: bool = False) -> None:
        name = TextColumn("{task.description:8}")
        super().__init__(is_quiet, name, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._verb = verb
        self._task = self.progress.add_task(verb, total=None)
        self._next_line_at = time.monotonic() + PLAIN_EVERY_S  # what is quick needs no line

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far it is."""
        if self.is_quiet:
            return
        if self.has_bars:
            self.progress.update(self._task, completed=done, total=total)
        elif time.monotonic() >= self._next_line_at:
            of = "" if total is None else f" of {total / MEGABYTE:.0f}"
            print(f"{self._verb} {done / MEGABYTE:.0f}{of} MB", file=sys.stderr, flush=True)
            self._next_line_at = time.monotonic() + PLAIN_EVERY_S
