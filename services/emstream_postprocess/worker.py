"""The postprocess worker: stitches slabs and writes what the user downloads. `python -m emstream_postprocess.worker`"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from emstream.errors import JobFailed, VolumeDamaged
from emstream.jobs.export_order import export_file, note_progress, read_order
from emstream.jobs.finish_tasks import FinishKind, FinishTask, task_of
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import FORMATS, ON_DEMAND, export_path, mask_task
from emstream.jobs.record import JobRecord, Plan, PlannedJob
from emstream.jobs.timeline import Timeline, timings
from emstream.ledger.terms import Ledger
from emstream.stages import Stage
from emstream.volume.geometry import Slab
from emstream.work.loop import Made, Unit, begin_work
from emstream.work.queues import Pool, run_worker
from emstream_postprocess.exports.build import build_export
from emstream_postprocess.objects.mesh import make_meshes
from emstream_postprocess.objects.steps import number_in_slab
from emstream_postprocess.report import UnitFailure, Wanted, make_files, make_report, write_report
from emstream_postprocess.result_files import write_tiff_masks, write_zipped_masks
from emstream_postprocess.slab_result import make_result
from emstream_postprocess.stitch import drop_packages
from emstream_postprocess.thresholds_fence import fence

logger = logging.getLogger(__name__)


class Postprocess:
    """Makes results, objects and exports."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def make(self, unit: Unit) -> Made:
        """Make one unit. Raises what stitching and writing raise."""
        unit = replace(unit, check=fence(unit))
        if unit.hint.stage is Stage.POSTPROCESS:
            make_result(unit.folder, unit.job, unit.hint.unit, unit.check)
        else:
            self._do(task_of(unit.hint.unit), unit)
        return Made()

    def _do(self, task: FinishTask, unit: Unit) -> None:
        plan = unit.job.plan
        match task.kind:
            case FinishKind.RESULT:
                self._finish(unit)
            case FinishKind.MASKS:
                form = next(form for form in ON_DEMAND if mask_task(form) == task)
                write_masks(unit.folder, plan, form, unit.check)
            case FinishKind.MESHES:
                make_meshes(unit.folder, plan, unit.check)
            case FinishKind.EXPORT:
                export(unit)
            case FinishKind.LABELS:
                self._help(unit, plan.slabs[task.number], plan)

    def _finish(self, unit: Unit) -> None:
        folder, record = unit.folder, with_fingerprint(unit.folder, unit.job)
        plan = record.plan
        errors = self._errors(record)
        if not folder.done_units("result"):
            raise JobFailed(errors[0]["sentence"] if errors else "no slab could be stitched: retry the job")
        for slab in plan.slabs:
            if folder.result(slab.index).exists():
                drop_packages(folder, plan, slab)  # a worker that came back late may have left some
        unit.check()
        drop_masks(folder, plan)
        help_wanted = partial(self._ask_for_help, record.id)
        make_files(folder, record, Wanted(), folder.exports, unit.check, help_wanted)
        for form in FORMATS[1:]:
            if form in record.formats:
                write_masks(folder, plan, form, unit.check)
        unit.check()
        for leftover in folder.leftovers():
            if leftover.parent != folder.exports:  # there another unit may be writing
                leftover.unlink(missing_ok=True)
        request = record.request.model_copy(update={"input": record.name or "INPUT"})
        shown = record.model_copy(update={"request": request})
        report = make_report(folder, shown, Wanted(), Path("OUT"), timings(Timeline(folder.timeline_path).read()))
        report["errors"] = errors
        unit.check()
        write_report(report, folder.report_path)

    def _help(self, unit: Unit, slab: Slab, plan: Plan) -> None:
        """Number a slab's objects. Files that are damaged or were removed meanwhile are reported by unit 0."""
        try:
            number_in_slab(unit.folder, plan, unit.record.request, slab, unit.check)
        except VolumeDamaged as error:
            logger.warning("slab not numbered", extra={"reason": str(error)})

    def _ask_for_help(self, job: str, slabs: list[Slab]) -> None:
        for slab in slabs[:-1]:
            self._ledger.add(job, FinishTask(FinishKind.LABELS, slab.index).unit)

    def _errors(self, record: JobRecord) -> list[UnitFailure]:
        status = self._ledger.status(record.id)
        failed = sorted(status.failed.items()) if status else []
        return [
            UnitFailure(stage=stage, unit=unit, sentence=reason)
            for (stage, unit), reason in failed
            if stage is not Stage.FINISH or task_of(unit).kind is not FinishKind.EXPORT  # no error of the job
        ]


def write_masks(folder: JobFolder, plan: Plan, form: str, check: Callable[[], None]) -> None:
    """Write every object's masks in one format."""
    write = {"tiff": write_tiff_masks, "png": write_zipped_masks}[form]
    for name in plan.objects:
        write(folder, plan, name, export_path(folder, form, name), check)


class Withdrawn(Exception):
    """The export's order was withdrawn."""


def export(unit: Unit) -> None:
    """Build an export that was ordered, unless its order was withdrawn."""
    folder, number = unit.folder, unit.hint.unit
    order = read_order(folder, number)
    if order is None:
        return

    def look(share: float) -> None:
        unit.check()
        if read_order(folder, number) is None:
            raise Withdrawn
        note_progress(folder, number, share)

    final = export_file(folder, number, order)
    if not final.exists():
        record = with_fingerprint(folder, unit.job)
        with suppress(Withdrawn):
            build_export(folder, record, order, final, record.id, look)
    if read_order(folder, number) is None:  # withdrawn at the last moment
        final.unlink(missing_ok=True)


def drop_masks(folder: JobFolder, plan: Plan) -> None:
    """Delete the masks made on demand: a job that is finished again may have other ones."""
    for form in ON_DEMAND:
        for name in plan.objects:
            export_path(folder, form, name).unlink(missing_ok=True)


def with_fingerprint(folder: JobFolder, record: PlannedJob) -> PlannedJob:
    """Return the record with what predicted for the job."""
    if not folder.fingerprint_path.exists():
        return record
    return record.model_copy(update={"fingerprint": json.loads(folder.fingerprint_path.read_bytes())})


def main() -> None:
    """Run until SIGTERM."""
    settings, ledger, worker = begin_work()
    stage = Postprocess(ledger)
    pool = Pool("prefork", settings.postprocess_workers)
    run_worker("postprocess", pool, settings, lambda message: worker.do(message, stage.make), worker.drain.set)


if __name__ == "__main__":
    main()
