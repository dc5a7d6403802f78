"""The allocator's settings: asked of glibc, and of nothing else."""

from __future__ import annotations

import ctypes
import sys

import pytest

from emstream.host import ARENAS, M_ARENA_MAX, M_MMAP_THRESHOLD, OWN_MAPPING_BYTES, return_freed_memory


class Glibc:
    """A C library that notes what is asked of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def mallopt(self, option: int, value: int) -> int:
        self.calls.append((option, value))
        return 1


def test_glibc_maps_large_arrays_by_themselves_and_keeps_few_arenas(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Glibc()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    return_freed_memory()
    assert dict(library.calls) == {M_MMAP_THRESHOLD: OWN_MAPPING_BYTES, M_ARENA_MAX: ARENAS}


def test_elsewhere_and_with_other_libraries_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(sys, "platform", "linux")
    return_freed_memory()
    monkeypatch.setattr(ctypes, "CDLL", None)
    monkeypatch.setattr(sys, "platform", "darwin")
    return_freed_memory()
