"""A slab of the stack: read, cleaned to uint8, and written with its halo, pyramid and resampled copies.

Two passes over one file, so that no more than a section or a row of chunks is ever held: first the reader's blocks as
they come, then section by section the reductions. Resampling holds whole sections, one for each thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.errors import InputUnreadable
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import HALO, RAW, Plan
from emstream.readers.stack import Rows, StackReader
from emstream.volume.files import Check, created, opened, publishing
from emstream.volume.geometry import HALO_SECTIONS, Slab
from emstream.volume.intensity import IntensityRange, check_finite, to_uint8, without_impulses
from emstream.volume.parallel import mapped
from emstream.volume.planes import Encoded, Planes
from emstream.volume.pyramid import Pyramid, resample


def make_slab(
    folder: JobFolder, plan: Plan, index: int, open_reader: Callable[[], StackReader], check: Check = lambda: None
) -> None:
    """Make a unit of preprocess: publish stack/<index>.h5, unless it is there.

    open_reader: returns the job's stack; called only if the slab must be read. Raises as `write_slab`.
    """
    final = folder.stack(index)
    if not final.exists():
        above = folder.stack(index - 1) if index else None
        write_slab(open_reader(), plan, plan.slabs[index], final, above, check)


def write_slab(
    reader: StackReader,
    plan: Plan,
    slab: Slab,
    final: Path,
    above: Path | None,
    check: Check = lambda: None,
) -> None:
    """Publish the slab's file at `final`.

    above: the file of the slab before, if it exists: its last sections are copied, not decoded again.
    check: called before each block and each section; what it raises ends the slab.
    Raises InputUnreadable for damaged sections or an input of another shape than was planned, and DiskFull.
    """
    if reader.facts.shape_zyx != plan.shape_zyx:
        raise InputUnreadable(
            f"the input has changed since the job was planned (it had {plan.shape_zyx}, now {reader.facts.shape_zyx} "
            "voxels): put it back, or make a new job (`emstream predict --restart`)"
        )
    intensity = IntensityRange(plan.grey_low, plan.grey_high, np.dtype(plan.dtype))
    with publishing(final) as part, created(part) as file:
        depth, (height, width) = slab.z_stop - slab.z_start, plan.shape_zyx[1:]
        pyramid = Pyramid.create(file, "raw", (depth, height, width))
        raw = pyramid.levels[0]
        halo = Planes.create(file, HALO, (2 * HALO_SECTIONS, height, width))
        for rows in reader.blocks(slab.z_start, slab.z_stop):
            check()
            _write_rows(raw, rows, slab.z_start, intensity)
            del rows  # before the next ones are read
        _write_halo(halo, reader, raw, slab, intensity, above)
        _write_reductions(file, pyramid, halo, plan, check)


def _write_rows(raw: Planes, rows: Rows, z_start: int, intensity: IntensityRange) -> None:
    check_finite(rows.values, f"section {rows.z + 1}")
    depth, height, _ = rows.values.shape
    z = rows.z - z_start
    raw.dataset[z : z + depth, rows.y : rows.y + height] = to_uint8(rows.values, intensity)


def _write_halo(
    halo: Planes, reader: StackReader, raw: Planes, slab: Slab, intensity: IntensityRange, above: Path | None
) -> None:
    """Write both sides' halo sections; what must be decoded is read in one go, so deep chunks are decoded once."""
    for first, sections in ((0, slab.halo_above()), (HALO_SECTIONS, slab.halo_below())):
        if slab.z_start <= sections[0] < slab.z_stop:
            for position, z in enumerate(sections):
                halo.write(first + position, raw.read(z - slab.z_start))
        elif first or not _copy_last_sections(above, slab, sections, halo):
            for rows in reader.blocks(sections[0], sections[-1] + 1):
                _write_rows(halo, rows, sections[0] - first, intensity)
                del rows
            for position, z in reversed(list(enumerate(sections))):
                if position != z - sections[0]:  # the stack's end section stands for what is beyond
                    halo.write(first + position, halo.read(first + z - sections[0]))


def _copy_last_sections(above: Path | None, slab: Slab, sections: list[int], halo: Planes) -> bool:
    """Write the sections from the file of the slab before; False if it is not there or too thin."""
    if above is None or not above.exists():
        return False
    with opened(above) as file:
        before = Planes.open(file, RAW)
        if slab.z_start - sections[0] > before.shape[0]:
            return False
        for position, z in enumerate(sections):
            halo.write(position, before.read(z - slab.z_start + before.shape[0]))
    return True


def _write_reductions(file: h5py.File, pyramid: Pyramid, halo: Planes, plan: Plan, check: Check) -> None:
    raw = pyramid.levels[0]
    depth = raw.shape[0]
    copies = [
        (
            Planes.create(file, sections, (depth, *grid.size_yx)),
            Planes.create(file, beyond, (2 * HALO_SECTIONS, *grid.size_yx)),
            grid.size_yx,
        )
        for grid, (sections, beyond) in zip(plan.grids, plan.grid_datasets, strict=True)
        if grid.is_resampled
    ]

    def reduced(z: int) -> tuple[list[Encoded], list[NDArray[np.uint8]]]:
        if not copies:
            return pyramid.encode_reductions_of(z), []
        section = raw.read(z)  # here, so that sections do not wait for a thread
        clean = without_impulses(section)  # before resampling, which would spread them
        return pyramid.encode_reductions(section), [resample(clean, size) for _, _, size in copies]

    for z, (levels, resampled) in enumerate(mapped(reduced, range(depth))):
        check()
        pyramid.put(z, levels)
        for (sections, _, _), copy in zip(copies, resampled, strict=True):
            sections.write(z, copy)
    for _, beyond, size in copies:
        for position in range(2 * HALO_SECTIONS):
            beyond.write(position, resample(without_impulses(halo.read(position)), size))
