"""Child processes that are started, watched, started again, and stopped in order.

Each child leads a process group of its own, so that Ctrl-C reaches the supervisor only, and is killed by the kernel
should the supervisor vanish (Linux). A child that ends is started again: at once if it had come up, else after 0.5 s,
1 s, ... 10 s; one that ends five times within a minute without ever coming up is abandoned. Deaths after coming up do
not count: a poison package may kill its worker a few times, and must not stop the service for all users.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from emstream.errors import ServiceUnavailable
from emstream.host import die_with_parent
from emstream_standalone.broker import last_lines

logger = logging.getLogger(__name__)

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 10.0
MAX_DEATHS = 5
DEATHS_WITHIN_S = 60.0
UP_AFTER_S = 5.0  # a child without a sign of life counts as up after this time
SETTLE_S = 10.0
POLL_S = 0.05
LOG_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A process to keep running.

    environment: all of it. sign_of_life: a file that the child touches once it works. ask_to_stop: called instead of
    sending SIGTERM.
    stop_turn: children of turn 0 are stopped first, all of one turn together.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    sign_of_life: Path | None = None
    ask_to_stop: Callable[[], None] | None = None
    stop_turn: int = 0
    grace_s: float = 20.0


@dataclass
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    died: float = 0.0
    restart_at: float = 0.0
    is_settled: bool = True
    early_deaths: deque[float] = field(default_factory=deque)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Owns the children. Use it from one thread that lives as long as they shall: the kernel ties them to it."""

    def __init__(self, on_death: Callable[[str], bool]) -> None:
        """on_death: called with the name of a dead child until it returns True, at most for 10 s, before a restart."""
        self._on_death = on_death
        self._children: list[_Child] = []

    def start(self, spec: ChildSpec) -> None:
        """Start a child and keep it running from now on."""
        child = _Child(spec)
        self._children.append(child)
        self._launch(child)

    def is_running(self, name: str) -> bool:
        """Tell whether the child of this name lives now."""
        return any(child.is_running for child in self._children if child.spec.name == name)

    def pids(self) -> dict[str, int]:
        """Return the process ids of the children that live now."""
        return {c.spec.name: c.process.pid for c in self._children if c.process is not None and c.is_running}

    def watch(self) -> None:
        """Look after all children once; call it a few times a second. Raises ServiceUnavailable if one is abandoned."""
        for child in self._children:
            if child.process is not None and not child.is_running:
                self._bury(child, time.monotonic())
            if child.process is None:
                self._revive(child, time.monotonic())

    def stop(self, is_impatient: Callable[[], bool] = lambda: False) -> None:
        """Stop all children, turn by turn.

        A child that does not end within its grace is killed. If the user is impatient, all are killed at once.
        """
        for turn in sorted({child.spec.stop_turn for child in self._children}):
            group = [child for child in self._children if child.spec.stop_turn == turn and child.is_running]
            for child in group:
                _ask_to_stop(child)
            deadline = time.monotonic() + max((child.spec.grace_s for child in group), default=0.0)
            while any(c.is_running for c in group) and time.monotonic() < deadline and not is_impatient():
                time.sleep(POLL_S)
            for child in group:
                if child.is_running:
                    logger.warning("child killed: it did not end when asked", extra={"child": child.spec.name})
                _kill_group(child)
        self._children.clear()

    def _launch(self, child: _Child) -> None:
        spec = child.spec
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        if spec.sign_of_life is not None:
            spec.sign_of_life.unlink(missing_ok=True)
        _turn_over(spec.log)
        with spec.log.open("ab") as log:
            child.process = subprocess.Popen(
                spec.command,
                env=dict(spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        child.started = time.monotonic()
        logger.info("child started", extra={"child": spec.name, "pid": child.process.pid})

    def _bury(self, child: _Child, now: float) -> None:
        """Clean up after a dead child and decide when it starts again, or raise."""
        assert child.process is not None
        name, code = child.spec.name, child.process.returncode
        logger.warning("child ended", extra={"child": name, "code": code, "seconds": round(now - child.started, 1)})
        _kill_group(child)
        was_up = _came_up(child, now)
        child.process, child.died, child.is_settled = None, now, False
        child.restart_at = now + FIRST_DELAY_S
        if was_up:
            child.early_deaths.clear()
            return
        deaths = child.early_deaths
        deaths.append(now)
        while deaths[0] < now - DEATHS_WITHIN_S:
            deaths.popleft()
        if len(deaths) >= MAX_DEATHS:
            raise ServiceUnavailable(
                f"{name} ended {len(deaths)} times within a minute of its start, the last time with {_in_words(code)}: "
                f"the service stops. The end of {child.spec.log}: {last_lines(child.spec.log)}"
            )
        child.restart_at = now + min(FIRST_DELAY_S * 2 ** (len(deaths) - 1), MAX_DELAY_S)

    def _revive(self, child: _Child, now: float) -> None:
        if not child.is_settled:
            child.is_settled = self._on_death(child.spec.name) or now > child.died + SETTLE_S
        if child.is_settled and now >= child.restart_at:
            self._launch(child)


def _came_up(child: _Child, now: float) -> bool:
    sign = child.spec.sign_of_life
    return now - child.started > UP_AFTER_S if sign is None else sign.exists()


def _ask_to_stop(child: _Child) -> None:
    if child.spec.ask_to_stop is not None:
        child.spec.ask_to_stop()
    elif child.process is not None:
        with suppress(ProcessLookupError):
            child.process.terminate()


def _kill_group(child: _Child) -> None:
    """Kill what is left of a child and of the processes that it started; returns when the child has ended."""
    assert child.process is not None
    with suppress(ProcessLookupError, PermissionError):  # macOS: "not permitted" for a group of the dead
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()


def _turn_over(log: Path) -> None:
    """Put a long log aside; it replaces the one put aside before."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
