"""`python -m emstream_inference`: one inference worker for each GPU that is visible, or one for the processor.

The workers share queue and ledger, so they need nothing of each other. A signal is passed on, and waited for: they
hand back what they hold. If one ends by itself the others are ended, too: the process that started this one starts
it again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

WORKER = (sys.executable, "-m", "emstream_inference.worker")
DEVICES = Path("/dev")
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def visible_gpus(devices: Path = DEVICES, visible: str | None = None) -> list[str]:
    """Return the values for CUDA_VISIBLE_DEVICES, one for each GPU.

    devices: the folder of the driver's files nvidia0, nvidia1, .... visible: CUDA_VISIBLE_DEVICES; None = not set.
    """
    if visible is not None:
        return [name for name in (part.strip() for part in visible.split(",")) if name]
    return [str(number) for number in range(len(list(devices.glob("nvidia[0-9]*"))))]


def run_workers(gpus: list[str], command: tuple[str, ...] = WORKER) -> int:
    """Run a worker for each GPU until all have ended; return 0, or the exit code of the first that failed.

    A worker that a signal killed counts as failed with the signal's number.
    """
    workers: list[subprocess.Popen[bytes]] = []
    is_asked_to_stop = False

    def pass_on(number: int, frame: FrameType | None) -> None:
        nonlocal is_asked_to_stop
        is_asked_to_stop = True
        for worker in workers:
            worker.send_signal(number)

    for number in SIGNALS:
        signal.signal(number, pass_on)
    for gpu in gpus:
        if is_asked_to_stop:
            break
        workers.append(subprocess.Popen(command, env=os.environ | {"CUDA_VISIBLE_DEVICES": gpu}))
    if not workers:
        return 0
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # any of them
    if not is_asked_to_stop:
        for worker in workers:
            worker.terminate()
    # One that is ended before it can hear the signal is killed by it: its code must not hide the first one's.
    workers.sort(key=lambda worker: ended is not None and worker.pid != ended.si_pid)
    return next((abs(code) for code in [worker.wait() for worker in workers] if code), 0)


def main() -> None:
    """Become the worker where one is enough, else run one for each GPU."""
    gpus = visible_gpus(visible=os.environ.get("CUDA_VISIBLE_DEVICES"))
    if len(gpus) <= 1:
        os.execv(WORKER[0], WORKER)
    sys.exit(run_workers(gpus))


if __name__ == "__main__":
    main()
