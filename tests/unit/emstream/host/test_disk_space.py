"""Disk space: the watermark is in decimal gigabytes, and the last free byte above it counts."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from emstream.host import free_bytes, has_room
from emstream.settings import Settings


@pytest.mark.parametrize(("free", "room"), [(2_000_000_000, False), (2_000_000_001, True), (0, False)])
def test_there_is_room_above_the_watermark_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, room: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    settings = Settings(data=tmp_path, min_free_gb=2)
    assert free_bytes(settings) == free
    assert has_room(settings) is room
