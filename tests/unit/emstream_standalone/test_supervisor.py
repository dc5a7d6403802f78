"""The supervisor, with small fake children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emstream.errors import ServiceUnavailable
from emstream_standalone import supervisor as module
from emstream_standalone.supervisor import ChildSpec, Supervisor

STAYS = "import time; time.sleep(60)"
IGNORES_TERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)
TELLS_TERM = (
    "import signal, sys, time\n"
    "def leave(*_):\n    open(sys.argv[2], 'a').write(sys.argv[1] + chr(10)); sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, leave); print('up', flush=True); time.sleep(60)"
)
HAS_A_CHILD = (
    "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def deaths() -> list[str]:
    return []


@pytest.fixture
def supervisor(deaths: list[str]) -> Iterator[Supervisor]:
    def on_death(name: str) -> bool:
        deaths.append(name)
        return True

    keeper = Supervisor(on_death)
    yield keeper
    keeper.stop(is_impatient=lambda: True)


def child(folder: Path, name: str, program: str, *arguments: str, **options: object) -> ChildSpec:
    command = (sys.executable, "-c", program, *arguments)
    return ChildSpec(name, command, dict(os.environ), folder / f"{name}.log", **options)  # type: ignore[arg-type]  # a test


def wait_until(is_so: Callable[[], bool], supervisor: Supervisor | None = None, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, "waited too long"
        if supervisor is not None:
            supervisor.watch()
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" if Path("/proc").exists() else True
    )


def says(log: Path, text: str) -> Callable[[], bool]:
    return lambda: log.exists() and text in log.read_text()


def test_a_killed_child_is_told_of_and_started_again(tmp_path: Path, supervisor: Supervisor, deaths: list[str]) -> None:
    supervisor.start(child(tmp_path, "inference-1", STAYS))
    first = supervisor.pids()["inference-1"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not supervisor.is_running("inference-1"))
    wait_until(lambda: supervisor.is_running("inference-1"), supervisor)
    assert deaths == ["inference-1"]
    assert supervisor.pids()["inference-1"] != first


def test_a_restart_waits_until_the_death_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The leases of a dead worker must be gone before one of its name works again."""
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.0)
    answers = [False, False, True]
    supervisor = Supervisor(lambda name: answers.pop(0))
    supervisor.start(child(tmp_path, "inference-1", STAYS))
    os.kill(supervisor.pids()["inference-1"], signal.SIGKILL)
    wait_until(lambda: not supervisor.is_running("inference-1"))
    supervisor.watch()
    supervisor.watch()
    assert not supervisor.is_running("inference-1")
    supervisor.watch()
    assert supervisor.is_running("inference-1")
    supervisor.stop(is_impatient=lambda: True)


def test_a_child_that_never_comes_up_is_given_up_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.01)
    supervisor.start(child(tmp_path, "gateway", "import sys; print('no key'); sys.exit(2)"))
    with pytest.raises(ServiceUnavailable, match=r"gateway ended 5 times within a minute.*exit code 2.*no key"):
        wait_until(lambda: False, supervisor)


def test_the_pause_before_a_restart_doubles_up_to_ten_seconds(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(second) for second in range(0, 1000, 100))
    monkeypatch.setattr(module, "MAX_DEATHS", 100)
    monkeypatch.setattr(module, "DEATHS_WITHIN_S", 1e9)
    supervisor.start(child(tmp_path, "gateway", ""))
    inner = supervisor._children[0]
    pauses = []
    for _ in range(7):
        assert inner.process is not None
        inner.process.wait()
        inner.started = now = next(clock)
        supervisor._bury(inner, now)
        pauses.append(inner.restart_at - now)
        supervisor._launch(inner)
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10]


def test_deaths_of_a_child_that_had_come_up_do_not_count(
    tmp_path: Path, supervisor: Supervisor, deaths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poison package kills its worker a few times; the service stays."""
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.01)
    alive = tmp_path / "inference-1.alive"
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); sys.exit(1)"
    supervisor.start(child(tmp_path, "inference-1", program, str(alive), sign_of_life=alive))
    wait_until(lambda: len(deaths) > module.MAX_DEATHS + 2, supervisor)


def test_stopping_goes_turn_by_turn(tmp_path: Path, supervisor: Supervisor) -> None:
    order = tmp_path / "order"
    for turn, name in ((2, "broker"), (1, "inference-1"), (0, "gateway")):
        supervisor.start(child(tmp_path, name, TELLS_TERM, name, str(order), stop_turn=turn))
        wait_until(says(tmp_path / f"{name}.log", "up"))
    supervisor.stop()
    assert order.read_text().split() == ["gateway", "inference-1", "broker"]
    assert supervisor.pids() == {}


def test_a_child_is_asked_in_its_own_way(tmp_path: Path, supervisor: Supervisor) -> None:
    asked: list[str] = []

    def ask() -> None:
        asked.append("broker")
        os.kill(supervisor.pids()["broker"], signal.SIGKILL)

    supervisor.start(child(tmp_path, "broker", STAYS, ask_to_stop=ask))
    supervisor.stop()
    assert asked == ["broker"]


def test_a_deaf_child_is_killed_after_its_grace_and_at_once_for_the_impatient(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    for grace_s, is_impatient in ((0.3, False), (60.0, True)):
        supervisor.start(child(tmp_path, "deaf", IGNORES_TERM, grace_s=grace_s))
        pid = supervisor.pids()["deaf"]
        wait_until(says(tmp_path / "deaf.log", "up"))
        began = time.monotonic()
        supervisor.stop(is_impatient=lambda: is_impatient)  # noqa: B023  # called within the loop
        assert time.monotonic() - began < 5
        assert not is_alive(pid)
        (tmp_path / "deaf.log").unlink()


def test_what_a_dead_child_had_started_goes_with_it(tmp_path: Path, supervisor: Supervisor) -> None:
    supervisor.start(child(tmp_path, "preprocess-1", HAS_A_CHILD))
    log = tmp_path / "preprocess-1.log"
    wait_until(says(log, "\n"))
    grandchild = int(log.read_text())
    os.kill(supervisor.pids()["preprocess-1"], signal.SIGKILL)
    wait_until(lambda: not is_alive(grandchild), supervisor)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    program = (
        "import os, sys, time; from pathlib import Path\n"
        "from emstream_standalone.supervisor import ChildSpec, Supervisor\n"
        "s = Supervisor(lambda name: True)\n"
        "s.start(ChildSpec('c', ('sleep', '60'), dict(os.environ), Path(sys.argv[1])))\n"
        "print(s.pids()['c'], flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "c.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid))


def test_a_long_log_is_put_aside_before_a_start(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 10)
    (tmp_path / "gateway.log").write_text("x" * 11)
    supervisor.start(child(tmp_path, "gateway", STAYS))
    assert (tmp_path / "gateway.log.1").read_text() == "x" * 11
