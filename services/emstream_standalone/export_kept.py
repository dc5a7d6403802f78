"""Files in the formats of other programs, made from a job that `emstream predict --keep` left."""

from __future__ import annotations

from pathlib import Path

from emstream.errors import Interrupted, UsageError
from emstream.jobs.export_order import Wish, make_order
from emstream.jobs.folder import WORK, JobFolder


def is_kept_job(kept: Path) -> bool:
    """Tell whether a folder holds the working files of a job."""
    return (kept / WORK / "job.json").exists()


def export_kept(kept: Path, output: Path, wish: Wish) -> Path:
    """Build the file and return its path; an older one of the name is replaced.

    output: the file, or a folder, in which the file gets the name of its content.
    Raises UsageError for a job that is not done, and for a wish that cannot be met.
    """
    from emstream_postprocess.exports.build import build_export

    folder = JobFolder(kept / WORK)
    record = folder.read()
    if record is None or record.plan is None or not (kept / "report.json").exists():
        raise UsageError(f"{kept} holds no job that is done: run `emstream predict ... --keep` to its end first")
    order = make_order(folder, record.plan, wish)
    final = output / f"{order.title}.{order.suffix}" if output.is_dir() else output
    final.unlink(missing_ok=True)
    try:
        build_export(folder, record, order, final, str(kept), lambda share: None)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; nothing is left of the export") from None
    return final
