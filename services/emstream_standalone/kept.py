"""Jobs that `emstream predict --keep` and `--shard` leave: exports from them, and shards joined into one result."""

from __future__ import annotations

import time
from pathlib import Path

from emstream.client.client import check_free
from emstream.errors import Interrupted, UsageError
from emstream.host import return_freed_memory
from emstream.jobs.export_order import Wish, make_order
from emstream.jobs.folder import WORK, JobFolder
from emstream.jobs.shards import find_shards
from emstream.jobs.timeline import Timeline, Timings, stage_seconds
from emstream_postprocess.merge_shards import common_record, gather, stitch_shared
from emstream_postprocess.report import Report, Wanted, drop_job, finish
from emstream_standalone.in_process import check_no_result, lock_folder
from emstream_standalone.predict import interruptible


def is_kept_job(kept: Path) -> bool:
    """Tell whether a folder holds the working files of a job."""
    return (kept / WORK / "job.json").exists()


def export_kept(kept: Path, output: Path, wish: Wish, overwrite: bool = False) -> Path:
    """Build the file and return its path; an older one of the name is replaced only if `overwrite`.

    output: the file, or a folder, in which the file gets the name of its content.
    Raises UsageError for a job that is not done, for a wish that cannot be met, and for a file that is there.
    """
    from emstream_postprocess.exports.build import build_export

    folder = JobFolder(kept / WORK)
    record = folder.read()
    if record is None or record.plan is None or not (kept / "report.json").exists():
        raise UsageError(f"{kept} holds no job that is done: run `emstream predict ... --keep` to its end first")
    order = make_order(folder, record.plan, wish)
    final = output / f"{order.title}.{order.suffix}" if output.is_dir() else output
    if not overwrite:
        check_free([final])
    final.unlink(missing_ok=True)
    try:
        build_export(folder, record, order, final, str(kept), lambda share: None)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing is left of the export") from None
    return final


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
        else:
            check_no_result(output, folder)
        gather(found, record, folder)
        stitch_shared(folder, record)
        report = finish(folder, record, wanted, output, timings(folder, began))
        if not keep:
            drop_job(folder)
    return report


def timings(folder: JobFolder, began: float) -> Timings:
    """Return seconds per stage over all shards, and the seconds of merging until the files are written."""
    return {"joined_s": round(time.time() - began, 3), "stages_s": stage_seconds(Timeline(folder.timeline_path).read())}
