"""An export built: volumes of the job, written strip by strip in one format, published when whole.

The same order of the same job gives the same bytes. What fails, is stopped or killed leaves nothing under the file's
name; a temporary file that a killed worker left goes when the export is built again.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from pathlib import Path

from emstream.jobs.export_order import ExportOrder
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord
from emstream.volume.files import publishing
from emstream_postprocess.exports.archive import archive
from emstream_postprocess.exports.file_names import file_name
from emstream_postprocess.exports.hdf5_file import write_hdf5
from emstream_postprocess.exports.pdf_file import write_pdf
from emstream_postprocess.exports.pictures import write_jpegs, write_pngs
from emstream_postprocess.exports.progress import Tick, Ticks
from emstream_postprocess.exports.provenance import Notes, notes_of
from emstream_postprocess.exports.raw_files import write_raw
from emstream_postprocess.exports.slab_reader import SlabReader
from emstream_postprocess.exports.tiff_file import write_tiff
from emstream_postprocess.exports.volumes import STRIP, Volume, volumes_of
from emstream_postprocess.exports.zarr_files import write_zarr


def build_export(
    folder: JobFolder, record: JobRecord, order: ExportOrder, final: Path, job: str, look: Callable[[float], None]
) -> None:
    """Publish an export at `final`. job: what the command line calls the job; look: see Ticks.

    Raises JobFailed for what the format cannot hold, DiskFull, VolumeDamaged, and what `look` raises.
    """
    assert record.plan is not None
    for left in final.parent.glob(f".{glob.escape(final.name)}.*.part"):
        left.unlink(missing_ok=True)
    notes = notes_of(record, order, job)
    with SlabReader(folder, record.plan, order.labels_for) as reader, publishing(final) as part:
        volumes = volumes_of(reader, order)
        sections, height = order.z[1] - order.z[0], record.plan.shape_zyx[1]
        ticks = Ticks(len(volumes) * sections * -(-height // STRIP), look)
        look(0.0)
        _write(part, order, volumes, notes, ticks)


def _write(part: Path, order: ExportOrder, volumes: Sequence[Volume], notes: Notes, tick: Tick) -> None:
    match order.format:
        case "h5":
            write_hdf5(part, volumes, notes, tick)
        case "tiff":
            _write_tiffs(part, volumes, notes, tick)
        case "png":
            write_pngs(part, volumes, notes, tick)
        case "jpeg":
            write_jpegs(part, volumes, notes, tick)
        case "raw":
            write_raw(part, volumes, notes, tick)
        case "pdf":
            write_pdf(part, volumes, notes, tick)
        case "zarr":
            write_zarr(part, volumes, notes, tick)


def _write_tiffs(part: Path, volumes: Sequence[Volume], notes: Notes, tick: Tick) -> None:
    """Write one TIFF, or a ZIP of several, each by way of a file of its own: TIFF's writer goes back and forth."""
    if len(volumes) == 1:
        write_tiff(part, volumes[0], notes, tick)
        return
    one = part.with_name(f"{part.name.removesuffix('.part')}.one.part")
    try:
        with archive(part, notes) as made:
            for volume in volumes:
                write_tiff(one, volume, notes, tick)
                made.add_file(f"{file_name(volume)}.tif", one)
    finally:
        one.unlink(missing_ok=True)
