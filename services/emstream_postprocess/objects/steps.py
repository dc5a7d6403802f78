"""From stitched slabs to numbered, measured objects: each step publishes its files, so a killed run goes on.

What is derived depends on thresholds, on how objects are separated, and on which slabs there are. Each file says for
which choice of these it was made; one that was made for another does not count, and goes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import Plan, Request
from emstream.volume.files import Check, opened
from emstream.volume.geometry import Slab
from emstream_postprocess.objects.join import write_joined, write_labels
from emstream_postprocess.objects.measure import Column, measure
from emstream_postprocess.objects.pieces import write_pieces
from emstream_postprocess.objects.split_job import (
    groups_of,
    parts_path,
    write_divided,
    write_divided_labels,
    write_parts,
)
from emstream_postprocess.objects.tables import SUFFIXES, write_tables


def choice_of(plan: Plan, request: Request, slabs: list[Slab] | None = None) -> str:
    """Return what decides the objects, given the probabilities. slabs: those stitched; None for a slab's own pieces."""
    choice = {
        "slabs": None if slabs is None else [slab.index for slab in slabs],
        "thresholds": plan.thresholds,
        "outlines": list(plan.outlines),
        "min_voxels": request.min_voxels,
        "split_touching": request.split_touching,
    }
    return json.dumps(choice, sort_keys=True)


def is_made(path: Path, choice: str) -> bool:
    """Whether a file is there and was made for this choice. Raises VolumeDamaged."""
    if not path.exists():
        return False
    with opened(path) as file:
        return bool(file.attrs.get("made_for") == choice)


def is_due(path: Path, choice: str, check: Check) -> bool:
    """Whether a file is to be made; one that was made for another choice is removed, after a check.

    For the job's own units only: a late helper of an earlier choice must not remove what is right.
    """
    if is_made(path, choice):
        return False
    check()
    path.unlink(missing_ok=True)
    return True


def stitched(folder: JobFolder, plan: Plan) -> list[Slab]:
    """Return the slabs that are stitched; a job with errors may lack some, and get them later."""
    return [slab for slab in plan.slabs if folder.result(slab.index).exists()]


def find_in_slab(folder: JobFolder, plan: Plan, request: Request, slab: Slab, check: Check = lambda: None) -> None:
    """Publish a stitched slab's pieces, if they are wanted and not there."""
    choice = choice_of(plan, request)
    if request.measure and is_due(folder.pieces(slab.index), choice, check):
        write_pieces(folder, plan, slab, request.spread, choice, check)


def number_in_slab(folder: JobFolder, plan: Plan, request: Request, slab: Slab, check: Check = lambda: None) -> None:
    """Publish a slab's labels, if its pieces are joined and there are none."""
    choice, final = choice_of(plan, request, stitched(folder, plan)), folder.labels(slab.index)
    source = folder.divided_path if request.split_touching else folder.joined_path
    if final.exists() or not is_made(source, choice):
        return
    if request.split_touching:
        write_divided_labels(folder, plan, slab, check)
    else:
        write_labels(folder, plan, slab, final, check)


def divide_objects(folder: JobFolder, plan: Plan, request: Request, slabs: list[Slab], check: Check) -> None:
    """Publish what objects are once those that touch are split."""
    choice = choice_of(plan, request, slabs)
    if not is_due(folder.divided_path, choice, check):
        return
    for slab in slabs:
        check()
        if is_due(folder.whole(slab.index), choice, check):
            write_labels(folder, plan, slab, folder.whole(slab.index), check)
    for name, first in groups_of(folder, plan):
        check()
        if is_due(parts_path(folder, plan, name, first), choice, check):
            write_parts(folder, plan, name, first, request.min_voxels, request.spread, check)
    check()
    write_divided(folder, plan, check)


def number_objects(
    folder: JobFolder,
    plan: Plan,
    request: Request,
    check: Check = lambda: None,
    ask_for_help: Callable[[list[Slab]], None] = lambda slabs: None,
) -> None:
    """Publish labels of all stitched slabs, and the tables of measurements; what is there is not made again.

    check: called between steps, and just before anything is published or removed. ask_for_help: called with the slabs
    whose labels are to be made, for others to make some; here they are taken from the last to the first, so that
    helpers, which begin with the first, are met half way.
    """
    slabs = stitched(folder, plan)
    for slab in slabs:
        check()
        find_in_slab(folder, plan, request, slab, check)
    choice = choice_of(plan, request, slabs)
    if is_due(folder.joined_path, choice, check):
        for derived in (folder.measurements, folder.meshes):
            shutil.rmtree(derived, ignore_errors=True)
        write_joined(folder, plan, request.min_voxels, choice, check)
    if request.split_touching:
        divide_objects(folder, plan, request, slabs, check)
    ask_for_help([slab for slab in slabs if is_due(folder.labels(slab.index), choice, check)])
    for slab in [*reversed(slabs), *slabs]:  # again: a late helper may have published one of an earlier choice
        check()
        if is_due(folder.labels(slab.index), choice, check):
            number_in_slab(folder, plan, request, slab, check)
    choice = choice_of(plan, request)  # the same bytes, however the stack was cut
    for name in plan.objects:
        check()
        if is_due(folder.measurements / f"{name}.h5", choice, check):
            write_measurements(folder, plan, request, name, choice, check)


def write_measurements(folder: JobFolder, plan: Plan, request: Request, name: str, choice: str, check: Check) -> None:
    """Publish an object's tables, instead of any that a killed or late worker has left."""
    for suffix in SUFFIXES:
        (folder.measurements / f"{name}{suffix}").unlink(missing_ok=True)
    with opened(folder.divided_path if request.split_touching else folder.joined_path) as file:
        table = file[f"{name}/sums"][()]
        counts = {key: int(value) for key, value in sorted(file[name].attrs.items())}
    is_outline = name in plan.outlines
    columns = measure(table, plan.shape_zyx, plan.voxel_size_nm, is_outline, request.spread)
    write_tables(folder.measurements, name, columns, facts_of(plan, request, name, columns) | counts, choice, check)


def summary(folder: JobFolder, name: str) -> dict[str, object]:
    """Return what is said of all objects together, for the report."""
    with opened(folder.measurements / f"{name}.h5") as file:
        found: dict[str, object] = json.loads(file.attrs["facts"])
    return found


def facts_of(plan: Plan, request: Request, name: str, columns: list[Column]) -> dict[str, object]:
    """Return what is said of all objects together."""
    by_name = {column.name: column.values for column in columns}
    voxels = int(by_name["volume_voxels"].sum())
    return {
        "object": name,
        "count": len(by_name["id"]),
        "counted": "profiles enclosed in each section" if name in plan.outlines else "bodies, 26-connected",
        "min_voxels": request.min_voxels,
        "split_touching": request.split_touching and name not in plan.outlines,
        "touching_border": int(np.count_nonzero(by_name["touches_border"])),
        "threshold": plan.thresholds[name],
        "voxels": voxels,
        "volume_fraction": voxels / float(np.prod(plan.shape_zyx)),
        "voxel_size_nm": plan.voxel_size_nm,
    }
