"""The preprocess worker: plans jobs and reads their slabs. `python -m emstream_preprocess.worker`"""

from __future__ import annotations

from pathlib import Path

from emstream.errors import EmptyInput
from emstream.jobs.folder import JobFolder
from emstream.jobs.inspection import is_inspection, picture_path, read_inspection, wanted_pictures, write_inspection
from emstream.jobs.record import JobRecord, Request
from emstream.ledger.terms import JobShape
from emstream.models.recipes import MODELS, Choice, choose
from emstream.readers.confined import confine
from emstream.readers.limits import allow_decoding
from emstream.readers.open_stack import open_request
from emstream.readers.stack import CheckedReader, StackReader
from emstream.settings import Settings
from emstream.stages import Stage
from emstream.volume.files import write_bytes
from emstream.work.loop import Made, Unit, as_shown, begin_work
from emstream.work.queues import Pool, run_worker
from emstream_preprocess.inspection import draw_section, inspect
from emstream_preprocess.plan import make_plan
from emstream_preprocess.slabs import make_slab


class Preprocess:
    """Makes plans and slabs. One stack stays open: a folder's headers are many, and slabs follow each other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: tuple[str, StackReader] | None = None

    def make(self, unit: Unit) -> Made:
        """Make one unit. Raises what reading and planning raise."""
        if is_inspection(unit.hint.job):
            return self._inspect(unit)
        return self._plan(unit) if unit.hint.stage is Stage.PLAN else self._slab(unit)

    def _inspect(self, unit: Unit) -> Made:
        folder, record = unit.folder, unit.record
        known = read_inspection(folder)
        if known is not None and known.problem is None:
            self._draw(folder, record)
            return Made(JobShape(0, 0))

        def tell(sentence: str) -> str:
            return as_shown(sentence, folder, record)

        found = inspect(
            folder.path / record.request.input,
            lambda: self._reader(folder, record),
            record.request,
            self._choices(record.request),
        )
        names = _names_of(record)
        shown = {
            "source": tell(found.source),
            "warnings": tuple(map(tell, found.warnings)),
            "problem": found.problem and tell(found.problem),
            "sections": tuple(names.get(name) or tell(name) for name in found.sections),
        }
        write_inspection(folder, found.model_copy(update=shown))
        self._close()
        return Made(JobShape(0, 0))

    def _draw(self, folder: JobFolder, record: JobRecord) -> None:
        for z_index, mark in wanted_pictures(folder):
            write_bytes(picture_path(folder, z_index), draw_section(self._reader(folder, record), z_index))
            mark.unlink(missing_ok=True)
        self._close()

    def _choices(self, request: Request) -> list[Choice]:
        return choose(request.objects, request.quality, [], self._settings.models or MODELS)

    def _plan(self, unit: Unit) -> Made:
        record = unit.record
        if record.plan is not None:
            return Made(record.plan.job_shape)
        request = record.request
        plan = make_plan(CheckedReader(self._reader(unit.folder, record), unit.check), request, self._choices(request))
        warnings = tuple(as_shown(warning, unit.folder, record) for warning in plan.warnings)
        names = _names_of(record)
        shown = {
            "warnings": warnings,
            "source": as_shown(plan.source, unit.folder, record),
            "section_names": tuple(names.get(name, name) for name in plan.section_names),
        }
        plan = plan.model_copy(update=shown)
        unit.folder.write(record.with_plan(plan))
        return Made(plan.job_shape)

    def _slab(self, unit: Unit) -> Made:
        make_slab(
            unit.folder, unit.job.plan, unit.hint.unit, lambda: self._reader(unit.folder, unit.record), unit.check
        )
        return Made()

    def _reader(self, folder: JobFolder, record: JobRecord) -> StackReader:
        if self._open is None or self._open[0] != record.id:
            self._close()
            path = folder.path / record.request.input  # an absolute path stays what it is
            if not path.exists():
                raise EmptyInput("the input is no longer there: upload it again, or put it back and retry the job")
            self._open = record.id, open_request(path, record.request, self._settings.max_voxels, _names_of(record))
        return self._open[1]

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


def _names_of(record: JobRecord) -> dict[str, str]:
    """Return the user's names of uploaded files, by the names of the stored ones."""
    return {Path(file.stored).name: file.name for file in record.files}


def main() -> None:
    """Run until SIGTERM."""
    settings, _, worker = begin_work()
    confine([settings.data, *(Path(root) for root in settings.input_roots.split(":") if root)])
    allow_decoding(settings.decode_gb)
    stage = Preprocess(settings)
    pool = Pool("prefork", settings.preprocess_workers)
    run_worker("preprocess", pool, settings, lambda message: worker.do(message, stage.make), worker.drain.set)


if __name__ == "__main__":
    main()
