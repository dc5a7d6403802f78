"""From stitched slabs to numbered, measured objects: each step publishes its files, so a killed run goes on.

What is derived depends on thresholds and on how objects are told apart; the folders objects/, labels/, measurements/
and meshes/ hold what follows from one choice of these, which objects/made_for.json names. Another choice drops them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable

import numpy as np

from emstream.job import JobFolder, Plan, Request
from emstream.volume import opened, write_bytes
from services.postprocess.objects.join import write_joined
from services.postprocess.objects.measure import Column, measure
from services.postprocess.objects.pieces import write_pieces
from services.postprocess.objects.relabel import write_labels
from services.postprocess.objects.tables import write_tables

DERIVED = ("objects", "labels", "measurements", "meshes")
Check = Callable[[], None]


def choice(plan: Plan, request: Request) -> dict[str, object]:
    """Return what decides the objects, given the probabilities."""
    return {
        "thresholds": plan.thresholds,
        "outlines": list(plan.outlines),
        "min_voxels": request.min_voxels,
        "split_touching": request.split_touching,
    }


def begin(folder: JobFolder, plan: Plan, request: Request) -> None:
    """Drop what was derived by another choice."""
    mark = folder.path / "objects" / "made_for.json"
    wanted = json.dumps(choice(plan, request), sort_keys=True).encode()
    if mark.exists() and mark.read_bytes() == wanted:
        return
    for name in DERIVED:
        shutil.rmtree(folder.path / name, ignore_errors=True)
    write_bytes(mark, wanted)


def number_objects(
    folder: JobFolder,
    plan: Plan,
    request: Request,
    check: Check = lambda: None,
    spread_work: Callable[[Iterable[int]], None] = lambda slabs: None,
) -> None:
    """Publish labels of all stitched slabs, and the tables of measurements; what is there is not made again.

    check: called between steps. spread_work: told the slabs whose labels are to be made, for others to help; slabs are
    taken from the last to the first here, so that helpers, which begin with the first, are met half way.
    """
    begin(folder, plan, request)
    slabs = [slab for slab in plan.slabs if folder.result(slab.index).exists()]
    for slab in slabs:
        check()
        if not folder.pieces(slab.index).exists():
            write_pieces(folder, plan, slab, request.spread)
    check()
    if not folder.joined_path.exists():
        write_joined(folder, plan, request.min_voxels)
    spread_work(slab.index for slab in slabs if not folder.labels(slab.index).exists())
    for slab in reversed(slabs):
        check()
        if not folder.labels(slab.index).exists():
            write_labels(folder, plan, slab, check)
    for name in plan.objects:
        check()
        write_measurements(folder, plan, request, name)


def write_measurements(folder: JobFolder, plan: Plan, request: Request, name: str) -> None:
    """Publish an object's tables."""
    with opened(folder.joined_path) as joined:
        table = joined[f"{name}/sums"][()]
        dropped = int(joined[name].attrs["dropped"])
    is_outline = name in plan.outlines
    columns = measure(table, plan.shape_zyx, plan.voxel_size_nm, is_outline, request.spread)
    write_tables(folder.measurements, name, columns, facts_of(plan, request, name, columns, dropped))


def facts_of(plan: Plan, request: Request, name: str, columns: list[Column], dropped: int) -> dict[str, object]:
    """Return what is said of all objects together."""
    by_name = {column.name: column.values for column in columns}
    voxels = int(by_name["volume_voxels"].sum())
    return {
        "object": name,
        "count": len(by_name["id"]),
        "counted": "profiles enclosed in each section" if name in plan.outlines else "bodies, 26-connected",
        "dropped": dropped,
        "min_voxels": request.min_voxels,
        "split_touching": request.split_touching and name not in plan.outlines,
        "touching_border": int(np.count_nonzero(by_name["touches_border"])),
        "threshold": plan.thresholds[name],
        "voxels": voxels,
        "volume_fraction": voxels / float(np.prod(plan.shape_zyx)),
        "voxel_size_nm": plan.voxel_size_nm,
    }
