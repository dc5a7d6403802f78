"""Logging: events with facts, as text or JSON lines on standard error; job and unit bound by context.

One event is one line: what a user named (a data set, a file) cannot begin another. Lines that repeat are counted.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from emstream.stages import KINDS

_bound: ContextVar[dict[str, object] | None] = ContextVar("bound", default=None)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
PACKAGES = ("emstream", *(f"emstream_{name}" for name in ("gateway", "standalone", "cli", "training", *KINDS)))
"""Packages whose events are logged at the level of the settings."""
FRAMEWORKS = ("asyncio", "uvicorn")
"""Packages of others, of which warnings are logged."""
AT_ONCE = 20
"""Number of lines of one kind, of one place in the code, that are written in a period."""
PERIOD_S = 10.0
_PLAIN = re.compile(r"[^\s=\"'\\]+")


@contextmanager
def bound(**facts: object) -> Iterator[None]:
    """Add facts (job, unit, stage) to every event logged inside."""
    token = _bound.set({**(_bound.get() or {}), **facts})
    try:
        yield
    finally:
        _bound.reset(token)


def configure(level: str, form: str) -> None:
    """Send the events of emstream, and the warnings of its frameworks, to standard error.

    Called by entry points only.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_bind)
    handler.addFilter(Repeats())
    handler.setFormatter(_Json() if form == "json" else _Text())
    for name in (*PACKAGES, *FRAMEWORKS):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level if name in PACKAGES else max(logging.WARNING, logging.getLevelName(level)))
        logger.propagate = False


@dataclass
class _Period:
    """Lines of one place in the code since `began`."""

    began: float
    lines: int = 0
    left_out: int = 0


class Repeats:
    """A filter that passes 20 lines of one place in the code in 10 s; the next one that passes has the count of others.

    Warnings and errors only: what is less severe is asked for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._periods: dict[tuple[str, int], _Period] = {}
        self._lock = threading.Lock()

    def __call__(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        with self._lock:
            now = self._clock()
            period = self._periods.setdefault((record.pathname, record.lineno), _Period(now))
            if now - period.began > PERIOD_S:
                if period.left_out:
                    record.left_out = period.left_out
                period.began, period.lines, period.left_out = now, 0, 0
            period.lines += 1
            if period.lines > AT_ONCE:
                period.left_out += 1
                return False
            if period.lines == AT_ONCE:
                record.more = f"only counted for {PERIOD_S:g} s"
            return True


def _bind(record: logging.LogRecord) -> bool:
    for name, value in (_bound.get() or {}).items():
        setattr(record, name, value)
    return True


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={_in_a_line(value)}" for name, value in _facts(record).items())
        line = f"{self.formatTime(record)} {record.levelname} {_escaped(record.getMessage())} {facts}".rstrip()
        if record.exc_info:
            lines = self.formatException(record.exc_info).splitlines()
            line += "".join(f"\n  {_escaped(text)}" for text in lines)
        return line


def _escaped(text: str) -> str:
    """Return the text with control characters, line separators and lone surrogates as escapes.

    >>> _escaped("a\\nb\\x1b[2J")
    'a\\\\nb\\\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _in_a_line(value: object) -> str:
    """Return a value that cannot be taken for several facts: quoted if it is not one plain word."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.isprintable() else json.dumps(_escaped(text), ensure_ascii=False)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "event": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
