"""Merging: what is refused, and its times."""

from __future__ import annotations

from pathlib import Path

import pytest

from emstream.errors import UsageError
from emstream.jobs.folder import JobFolder
from emstream.jobs.timeline import Timeline, TimelineEntry
from emstream.stages import Stage
from emstream_postprocess.report import Wanted
from emstream_standalone.kept import join_shards, timings


def test_times_are_summed_over_all_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = JobFolder(tmp_path)
    entries = [
        TimelineEntry(Stage.INFERENCE, 0, 1.0, 2.5),
        TimelineEntry(Stage.INFERENCE, 1, 1.0, 2.0),
        TimelineEntry(Stage.POSTPROCESS, 0, 3.0, 3.25),
    ]
    folder.timeline_path.write_text("".join(entry.to_json() + "\n" for entry in entries))
    assert len(list(Timeline(folder.timeline_path).read())) == 3
    monkeypatch.setattr("time.time", lambda: 10.0)
    assert timings(folder, began=4.0) == {"joined_s": 6.0, "stages_s": {"inference": 2.5, "postprocess": 0.25}}


def test_folders_without_shards_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=str(tmp_path)):
        join_shards([tmp_path], Wanted(), tmp_path / "out", restart=False, keep=False)
    assert not (tmp_path / "out").exists()
