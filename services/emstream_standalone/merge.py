"""The shards of a job joined into its result: the same bytes as one run gives. Needs no engine."""

from __future__ import annotations

import time
from pathlib import Path

from emstream.host.allocator import return_freed_memory
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.shards import find_shards
from emstream.jobs.timeline import Timeline, Timings, stage_seconds
from emstream_postprocess.merge_shards import common_record, gather, stitch_shared
from emstream_postprocess.report import Report, Wanted, drop_job, finish
from emstream_standalone.in_process import lock_folder
from emstream_standalone.predict import interruptible


@interruptible()
def join_shards(shards: list[Path], wanted: Wanted, output: Path, *, restart: bool, keep: bool) -> Report:
    """Return the report of the joined job; the shards' folders stay as they are.

    Raises UsageError for folders that are not the shards of one job, and Interrupted on Ctrl-C.
    """
    return_freed_memory()
    began = time.time()
    found = {shard: JobFolder(path / WORK) for shard, path in find_shards(shards).items()}
    record = common_record(found)
    folder = JobFolder(output / WORK)
    with lock_folder(output):
        if restart:
            drop_job(folder)
        gather(found, record, folder)
        stitch_shared(folder, record)
        report = finish(folder, record, wanted, output, timings(folder, began))
        if not keep:
            drop_job(folder)
    return report


def timings(folder: JobFolder, began: float) -> Timings:
    """Return seconds per stage over all shards, and the seconds of merging until the files are written."""
    return {"joined_s": round(time.time() - began, 3), "stages_s": stage_seconds(Timeline(folder.timeline_path).read())}
