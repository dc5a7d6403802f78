"""Pauses that tests note instead of waiting for them."""

from __future__ import annotations

import threading
import time

import pytest


def note_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that gets the seconds of each pause of this thread; threads of other tests pause as they would."""
    noted: list[float] = []
    here, pause = threading.get_ident(), time.sleep

    def sleep(seconds: float) -> None:
        if threading.get_ident() == here:
            noted.append(seconds)
        else:
            pause(seconds)

    monkeypatch.setattr("time.sleep", sleep)
    return noted
