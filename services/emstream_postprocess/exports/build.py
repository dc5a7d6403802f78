"""Exports: volumes of a job, written strip by strip in one format, published when they are complete.

The same order of the same job gives the same bytes. A writer that fails, is stopped or killed leaves nothing under the
file's name; the temporary file of a killed one is removed when the export is built again.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from emstream.jobs.export_formats import Form
from emstream.jobs.export_order import ExportOrder
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord
from emstream.volume.files import publishing
from emstream_postprocess.exports.provenance import Provenance, provenance_of
from emstream_postprocess.exports.slab_reader import SlabReader
from emstream_postprocess.exports.volumes import STRIP, Advance, ExportedVolume, Progress, volumes_of

Write = Callable[[Path, Sequence[ExportedVolume], Provenance, Advance], None]
"""Writes volumes into a file of one format; calls the last argument before each strip."""


def build_export(
    folder: JobFolder, record: JobRecord, order: ExportOrder, final: Path, job: str, look: Callable[[float], None]
) -> None:
    """Publish an export at `final`. job: its id or folder on the command line; look: see Progress.

    Raises JobFailed for what the format cannot hold, DiskFull, VolumeDamaged, and what `look` raises.
    """
    assert record.plan is not None
    for left in final.parent.glob(f".{glob.escape(final.name)}.*.part"):
        left.unlink(missing_ok=True)
    provenance = provenance_of(record, order, job)
    with SlabReader(folder, record.plan, order.labels_for) as reader, publishing(final) as part:
        volumes = volumes_of(reader, order)
        sections, height = order.z[1] - order.z[0], record.plan.shape_zyx[1]
        progress = Progress(len(volumes) * sections * -(-height // STRIP), look)
        look(0.0)
        writer_of(order.format)(part, volumes, provenance, progress)


def writer_of(form: Form) -> Write:
    """Return the writer of a format: `write` of the module named after it, whose library is loaded on first use."""
    write: Write = import_module(f"emstream_postprocess.exports.{form}_file").write
    return write
