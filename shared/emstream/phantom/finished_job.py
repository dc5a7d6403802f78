"""A phantom as a finished job on disk, without predicting: for looking at results of any size.

The probability is the truth, blurred, so that thresholds have something to change; the labels are the truth itself,
numbered from 1. Painting tissue costs more than anything else, so beyond 2048 pixels it repeats, block by block.
Largest arrays held: a section's grey values, its probability and its mask, uint8.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import labels_dataset
from emstream.jobs.record import HALO, Grid, JobRecord, Member, Plan, Request
from emstream.phantom.sections import Phantom
from emstream.version import __version__
from emstream.volume.files import created, publishing, write_bytes
from emstream.volume.geometry import HALO_SECTIONS, Slab
from emstream.volume.planes import Planes
from emstream.volume.pyramid import Pyramid, halve, resample

UINT8 = NDArray[np.uint8]
OBJECT = "mitochondria"
THRESHOLD = 0.5
SURE = 235
"""Probability (p = v / 255) inside of an object: a network is never quite sure either."""
BLOCK = 2048
"""Side in pixels of the tissue that repeats; a multiple of the chunks' side."""
Progress = Callable[[int, int], None]
Numbers = dict[tuple[int, int, int], int]
"""(row of blocks, column of blocks, the tissue's label) -> the label in the result."""


def write_result(
    phantom: Phantom,
    jobs: Path,
    *,
    owner: str = "local",
    slab_sections: int = 32,
    with_spread: bool = False,
    progress: Progress = lambda done, total: None,
) -> JobFolder:
    """Write a finished job into the folder `jobs` of a service's data, whose `emstream serve` then lists it.

    It becomes visible when it is complete: until then its name begins with a dot. Raises DiskFull.
    """
    job = uuid.uuid4().hex
    folder = JobFolder(jobs / f".phantom-{job}")
    record = _record(phantom, job, owner, slab_sections, with_spread)
    assert record.plan is not None
    numbers: Numbers = {}
    for slab in record.plan.slabs:
        _write_slab(phantom, folder, record, slab, numbers, progress)
    folder.write(record)
    write_bytes(folder.report_path, (json.dumps(_report(record), indent=2) + "\n").encode())
    final = JobFolder(jobs / job)
    folder.path.rename(final.path)
    return final


def _record(phantom: Phantom, job: str, owner: str, slab_sections: int, with_spread: bool) -> JobRecord:
    depth, height, width = phantom.shape_zyx
    member = Member(name="truth", path="", sha256="0" * 64, sections=1, objects=(OBJECT,))
    grid = Grid(
        size_yx=(height, width),
        pixel_size_nm=phantom.voxel_size_nm[1],
        is_resampled=False,
        halo=32,
        alignment=16,
        members=(member,),
    )
    plan = Plan(
        shape_zyx=phantom.shape_zyx,
        dtype="uint8",
        source=f"phantom of seed {phantom.seed}: its probability is its truth, blurred; nothing was predicted",
        section_names=("section_0000.png", f"section_{depth - 1:04d}.png"),
        voxel_size_nm=phantom.voxel_size_nm,
        voxel_size_source="given by the phantom",
        grey_low=0,
        grey_high=255,
        is_constant=False,
        slab_sections=slab_sections,
        core_side=1024,
        variants=1,
        grids=(grid,),
        thresholds={OBJECT: THRESHOLD},
        warnings=(),
    )
    request = Request(input="phantom", objects=(OBJECT,), slab_sections=slab_sections, spread=with_spread)
    name = f"phantom {depth} x {height} x {width}"
    return JobRecord(id=job, owner=owner, name=name, created=time.time(), request=request, plan=plan)


def _report(record: JobRecord) -> dict[str, object]:
    assert record.plan is not None
    return {
        "emstream": __version__,
        "settings": record.request.model_dump(mode="json"),
        "input": record.plan.source,
        "checkpoints": {},
        "fingerprint": {},
        "warnings": [],
        "errors": [],
        "command": "emstream phantom --result",
    }


def _write_slab(
    phantom: Phantom, folder: JobFolder, record: JobRecord, slab: Slab, numbers: Numbers, progress: Progress
) -> None:
    depth = slab.z_stop - slab.z_start
    height, width = phantom.shape_zyx[1:]
    shape = (depth, height, width)
    tissue = replace(phantom, shape_zyx=(phantom.shape_zyx[0], min(height, BLOCK), min(width, BLOCK)))
    with ExitStack() as stack:
        raw_file, result_file, labels_file = (
            stack.enter_context(created(stack.enter_context(publishing(path))))
            for path in (folder.stack(slab.index), folder.result(slab.index), folder.labels(slab.index))
        )
        raw = Pyramid.create(raw_file, "raw", shape)
        halo = Planes.create(raw_file, HALO, (2 * HALO_SECTIONS, height, width))
        probability = Pyramid.create(result_file, f"{OBJECT}/probability", shape, "zstd")
        mask = Planes.create(result_file, f"{OBJECT}/mask", shape, "zstd")
        mask.dataset.attrs["threshold"] = THRESHOLD
        spread = Pyramid.create(result_file, f"{OBJECT}/spread", shape, "zstd") if record.request.spread else None
        labels = Planes.create(labels_file, labels_dataset(OBJECT), shape, "zstd", np.uint32)
        for z in range(depth):
            grey, truth = tissue.section(slab.z_start + z)
            certain = _repeated(probability_of(truth), (height, width))
            raw.write(z, _repeated(grey, (height, width)))
            probability.write(z, certain)
            mask.write(z, np.where(certain >= np.ceil(THRESHOLD * 255), np.uint8(255), np.uint8(0)))
            _write_labels(labels, z, truth, numbers)
            if spread is not None:
                spread.write(z, _spread_of(certain))
            progress(slab.z_start + z + 1, phantom.shape_zyx[0])
        for position in range(2 * HALO_SECTIONS):  # no network predicts on it: empty
            halo.write(position, np.zeros((height, width), np.uint8))


def probability_of(truth: NDArray[np.uint32]) -> UINT8:
    """Return the truth (y, x) as a blurred probability, p = v / 255."""
    inside = np.where(truth > 0, np.uint8(SURE), np.uint8(0))
    return resample(halve(halve(inside)), (inside.shape[0], inside.shape[1]), smooth=True)


def _spread_of(probability: UINT8) -> UINT8:
    p = np.arange(256) / 255
    table: UINT8 = np.rint(2 * p * (1 - p) * 255).astype(np.uint8)
    return table[probability]


def _repeated(block: UINT8, size_yx: tuple[int, int]) -> UINT8:
    rows, columns = (-(-side // length) for side, length in zip(size_yx, block.shape, strict=True))
    if (rows, columns) == (1, 1):
        return block
    whole: UINT8 = np.tile(block, (rows, columns))[: size_yx[0], : size_yx[1]]
    return np.ascontiguousarray(whole)


def _write_labels(labels: Planes, z: int, truth: NDArray[np.uint32], numbers: Numbers) -> None:
    """Write a section's labels block by block; `numbers` keeps them from section to section, and grows."""
    ids, inverse = np.unique(truth, return_inverse=True)
    inverse = inverse.reshape(truth.shape)
    _, height, width = labels.shape
    for row, top in enumerate(range(0, height, truth.shape[0])):
        for column, left in enumerate(range(0, width, truth.shape[1])):
            keys = ((row, column, int(i)) for i in ids)
            table = np.array([numbers.setdefault(k, len(numbers) + 1) if k[2] else 0 for k in keys], np.uint32)
            part = table[inverse[: height - top, : width - left]]
            labels.put(z, labels.encode_block((top, left), part))
